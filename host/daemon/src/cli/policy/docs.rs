//! `policy docs`: what a script can write, in the terminal or as one page.
//!
//! Apart because it is made from what the engine registered, so that it cannot be behind. It knows
//! no word of its own about the toolkit.

use std::fmt::Write as _;
use std::path::PathBuf;

use bracketd_policy::{Policy, PolicySet, Topic, shipped, topics};
use clap::Args;
use serde_json::{Value, json};

use super::super::exit::{Exit, Failure};
use super::super::output::Out;
use super::about::About;

pub(super) const EXAMPLE: &str = "\
Examples:
  bracketd policy docs                     everything, a line each
  bracketd policy docs ratchet_stop        one function, property, object or event
  bracketd policy docs trailing_stop       a shipped policy and its parameters
  bracketd policy docs --html toolkit.html";

/// What to show.
#[derive(Debug, Args)]
pub struct DocsArgs {
    /// A function, property, object, event or shipped policy; left out, everything
    name: Option<String>,
    /// Write everything into this file, as one page that needs nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    html: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(args: &DocsArgs, out: &Out) -> Result<Exit, Failure> {
    let topics = topics();
    let set = PolicySet::build(&shipped(), None).set;
    if let Some(file) = &args.html {
        std::fs::write(file, page(&topics, &set)).map_err(|error| {
            Failure::usage(format!("{} cannot be written: {error}", file.display()))
        })?;
        out.line(&format!("wrote {}", file.display()));
        return Ok(Exit::Done);
    }
    let Some(name) = &args.name else {
        all(&topics, &set, out);
        return Ok(Exit::Done);
    };
    if let Some(policy) = set.iter().find(|policy| policy.name().as_str() == name) {
        of_policy(policy, out);
        return Ok(Exit::Done);
    }
    let named = |t: &&Topic| t.name == name || t.group.eq_ignore_ascii_case(name);
    let found: Vec<&Topic> = topics.iter().filter(named).collect();
    if found.is_empty() {
        return Err(unknown(name, &topics, &set));
    }
    if out.is_json() {
        out.json(&json!({ "topics": found.iter().map(|t| as_json(t)).collect::<Vec<_>>() }));
    } else {
        found.iter().for_each(|topic| one(topic, out));
    }
    Ok(Exit::Done)
}

fn unknown(name: &str, topics: &[Topic], set: &PolicySet) -> Failure {
    let policies = set.iter().map(|policy| policy.name().as_str());
    let known: Vec<&str> = topics.iter().flat_map(|t| [t.name, t.group]).chain(policies).collect();
    let known = known.into_iter();
    let parts: Vec<&str> = known.clone().filter(|known| known.contains(name)).collect();
    if !parts.is_empty() {
        let mut parts = parts;
        parts.sort_unstable();
        parts.dedup();
        let message = format!("nothing is called {name} alone");
        return Failure::usage(message).hint(format!("did you mean {}?", parts.join(" or ")));
    }
    let near = known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= 1.max(name.chars().count() / 3))
        .min();
    let hint = match near {
        Some((_, near)) => format!("did you mean {near}?"),
        None => "`bracketd policy docs` lists everything".to_owned(),
    };
    Failure::usage(format!("nothing is called {name}")).hint(hint)
}

fn as_json(topic: &Topic) -> Value {
    json!({
        "group": topic.group, "name": topic.name, "signature": topic.signature,
        "doc": topic.doc, "verb": topic.is_verb,
    })
}

fn one(topic: &Topic, out: &Out) {
    out.hanging("", &written(topic));
    out.hanging("    ", topic.doc);
    if topic.is_verb {
        let words =
            "Asks for a change: it needs a reason, and the verdict says whether it was taken.";
        out.hanging("    ", words);
    }
}

fn written(topic: &Topic) -> String {
    match topic.group {
        "event" => format!("fn {}", topic.signature),
        "function" => topic.signature.to_owned(),
        owner => format!("{owner}.{}", topic.signature),
    }
}

fn all(topics: &[Topic], set: &PolicySet, out: &Out) {
    if out.is_json() {
        let policies = set.iter().map(policy_json).collect::<Vec<_>>();
        let topics: Vec<Value> = topics.iter().map(as_json).collect();
        return out.json(&json!({ "topics": topics, "policies": policies }));
    }
    let mut group = "";
    for topic in topics {
        if topic.group != group {
            if !group.is_empty() {
                out.line("");
            }
            group = topic.group;
            out.line(&title(group));
        }
        out.hanging("  ", topic.signature);
        out.hanging("      ", topic.doc);
    }
    out.line("");
    out.line("Shipped policies");
    for policy in set.iter() {
        out.hanging("  ", policy.name().as_str());
        let about = About::of(policy.doc());
        out.hanging("      ", &about.what);
        out.hanging("      ", &about.not_for);
    }
}

fn title(group: &str) -> String {
    match group {
        "event" => "Events: a script handles one by defining its function".to_owned(),
        "function" => "Functions".to_owned(),
        owner => format!("{owner}: properties and methods"),
    }
}

fn of_policy(policy: &Policy, out: &Out) {
    if out.is_json() {
        return out.json(&policy_json(policy));
    }
    out.line(policy.name().as_str());
    out.line("");
    out.paragraphs(policy.doc());
    let events: Vec<&str> = policy.handlers().map(bracketd_policy::EventKind::handler).collect();
    out.line("");
    out.hanging("events      ", &events.join(" "));
    for param in policy.params() {
        out.hanging(&format!("{:10}  ", param.name), &format!("{}: {}", bounds(param), param.doc));
    }
}

fn bounds(param: &bracketd_policy::ParamSpec) -> String {
    let range = match (&param.min, &param.max) {
        (Some(min), Some(max)) => format!(", {min} to {max}"),
        (Some(min), None) => format!(", at least {min}"),
        (None, Some(max)) => format!(", at most {max}"),
        (None, None) if !param.options.is_empty() => {
            format!(", one of {}", param.options.join(", "))
        }
        (None, None) => String::new(),
    };
    format!("{} {}{range}", param.kind.as_str(), param.init)
}

fn policy_json(policy: &Policy) -> Value {
    let params = policy.params().iter().map(|param| {
        json!({
            "name": param.name, "type": param.kind.as_str(), "init": param.init.to_string(),
            "min": param.min.as_ref().map(ToString::to_string),
            "max": param.max.as_ref().map(ToString::to_string),
            "options": param.options, "doc": param.doc,
        })
    });
    json!({
        "name": policy.name().as_str(), "doc": policy.doc(), "version": policy.version(),
        "params": params.collect::<Vec<_>>(),
        "events": policy.handlers().map(bracketd_policy::EventKind::handler).collect::<Vec<_>>(),
    })
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem;color:#1b1f24;background:#fff}code{font:14px ui-monospace,monospace}\
nav a{margin-right:1rem}dt{margin-top:.8rem}dd{margin:0 0 0 1.5rem}table{border-collapse:collapse}\
td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}\
@media(prefers-color-scheme:dark){body{color:#e6e8ea;background:#15181c}a{color:#8ab4f8}}";

/// Everything as one page: no script, no font, nothing from elsewhere.
fn page(topics: &[Topic], set: &PolicySet) -> String {
    let mut groups: Vec<&str> = Vec::new();
    for topic in topics {
        if !groups.contains(&topic.group) {
            groups.push(topic.group);
        }
    }
    let mut body = String::new();
    for group in &groups {
        let _ = writeln!(body, "<h2 id=\"{group}\">{}</h2>\n<dl>", escaped(&title(group)));
        for topic in topics.iter().filter(|topic| topic.group == *group) {
            let id = format!("{group}.{}", topic.name);
            let (written, doc) = (escaped(topic.signature), escaped(topic.doc));
            let _ = writeln!(body, "<dt id=\"{id}\"><code>{written}</code></dt><dd>{doc}</dd>");
        }
        body.push_str("</dl>\n");
    }
    body.push_str("<h2 id=\"policies\">Shipped policies</h2>\n");
    for policy in set.iter() {
        let (name, doc) = (escaped(policy.name().as_str()), escaped(policy.doc()));
        let doc = doc.replace("\n\n", "</p><p>");
        let _ = writeln!(body, "<h3 id=\"policy.{name}\">{name}</h3>\n<p>{doc}</p>\n<table>");
        for param in policy.params() {
            let (value, doc) = (escaped(&bounds(param)), escaped(&param.doc));
            let row = format!("<td><code>{}</code></td><td>{value}</td><td>{doc}</td>", param.name);
            let _ = writeln!(body, "<tr>{row}</tr>");
        }
        body.push_str("</table>\n");
    }
    let links: String =
        groups.iter().map(|group| format!("<a href=\"#{group}\">{group}</a>")).collect();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>The toolkit of bracketd policies</title><style>{STYLE}</style></head>\n<body>\
         <h1>The toolkit of bracketd policies</h1>\n<p>bracketd {version}. Prices move toward the \
         gain with a positive offset and toward the loss with a negative one, so one script serves \
         longs and shorts.</p>\n<nav>{links}<a href=\"#policies\">shipped policies</a></nav>\n\
         {body}</body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_everything_and_needs_nothing() {
        let topics = topics();
        let page = page(&topics, &PolicySet::build(&shipped(), None).set);
        for topic in &topics {
            let id = format!("id=\"{}.{}\"", topic.group, topic.name);
            assert!(page.contains(&id), "{id}");
            assert!(page.contains(&escaped(topic.signature)));
        }
        for outside in ["http:", "https:", "<script", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        let opened = page.matches("<table>").count();
        assert_eq!(opened, page.matches("</table>").count());
    }
}
