//! Compares a TOML tree with the JSON Schema of the configuration and reports every difference.
//!
//! Apart because serde stops at its first error and people want all of them. The schema is the one
//! that is published, so an editor and the daemon cannot disagree. It knows nothing of meanings.

use std::ops::Range;

use serde_json::Value as Schema;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::load::Complaint;

/// Every unknown key, missing key, wrong type and unknown word in the table.
pub fn compare(root: &Spanned<DeTable<'_>>, schema: &Schema) -> Vec<Complaint> {
    let mut found = Vec::new();
    table(root.get_ref(), 0..0, "", schema, &mut found);
    found
}

fn table(
    table: &DeTable<'_>,
    place: Range<usize>,
    path: &str,
    schema: &Schema,
    out: &mut Vec<Complaint>,
) {
    let known = schema.get("properties").and_then(Schema::as_object);
    for (key, value) in table {
        let inner = join(path, key.get_ref());
        match known.and_then(|keys| keys.get(key.get_ref().as_ref())) {
            Some(schema) => visit(value, &inner, schema, out),
            None => match schema.get("additionalProperties") {
                Some(schema) if schema.is_object() => visit(value, &inner, schema, out),
                _ => out.push(unknown_key(key, path, known)),
            },
        }
    }
    let required = schema.get("required").and_then(Schema::as_array).into_iter().flatten();
    for name in required.filter_map(Schema::as_str) {
        if !table.iter().any(|(key, _)| key.get_ref() == name) {
            out.push(missing_key(name, path, place.clone(), known));
        }
    }
}

fn visit(value: &Spanned<DeValue<'_>>, path: &str, schema: &Schema, out: &mut Vec<Complaint>) {
    if let Some(either) = schema.get("anyOf").and_then(Schema::as_array) {
        let fits = either.iter().find(|one| has_type(value.get_ref(), one));
        return match fits {
            Some(one) => visit(value, path, one, out),
            None => out.push(wrong_type(value, path, &either.iter().collect::<Vec<_>>())),
        };
    }
    if !has_type(value.get_ref(), schema) {
        return out.push(wrong_type(value, path, &[schema]));
    }
    match value.get_ref() {
        DeValue::Table(inner) => table(inner, value.span(), path, schema, out),
        DeValue::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items.iter() {
                    visit(item, path, schema, out);
                }
            }
        }
        DeValue::String(text) => word(text, value.span(), path, schema, out),
        _ => {}
    }
}

fn word(text: &str, span: Range<usize>, path: &str, schema: &Schema, out: &mut Vec<Complaint>) {
    let words = words(schema);
    if words.is_empty() || words.contains(&text) {
        return;
    }
    let message = format!("`{path}` does not take \"{text}\"");
    out.push(Complaint::new("C005", message, span, "not one of its words").help(
        match nearest(text, words.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write one of: {}", words.join(", ")),
        },
    ));
}

/// The words that a schema allows; none when any text is allowed.
fn words(schema: &Schema) -> Vec<&str> {
    let plain = schema.get("enum").and_then(Schema::as_array).into_iter().flatten();
    let described = schema.get("oneOf").and_then(Schema::as_array).into_iter().flatten();
    let described = described.filter_map(|one| one.get("const"));
    plain.chain(described).filter_map(Schema::as_str).collect()
}

fn has_type(value: &DeValue<'_>, schema: &Schema) -> bool {
    if schema.get("oneOf").is_some() {
        return value.is_str();
    }
    let is = |name: &str| match name {
        "object" => value.is_table(),
        "array" => value.is_array(),
        "string" => value.is_str(),
        "integer" => value.as_integer().is_some_and(|i| in_range(i, schema)),
        "boolean" => value.is_bool(),
        _ => false,
    };
    match schema.get("type") {
        Some(Schema::String(name)) => is(name),
        Some(Schema::Array(names)) => names.iter().filter_map(Schema::as_str).any(is),
        _ => true,
    }
}

fn in_range(integer: &toml::de::DeInteger<'_>, schema: &Schema) -> bool {
    let Ok(number) = i64::from_str_radix(integer.as_str(), integer.radix()) else { return false };
    let bound = |name: &str| schema.get(name).and_then(Schema::as_i64);
    let max = match schema.get("format").and_then(Schema::as_str) {
        Some("uint16") => Some(i64::from(u16::MAX)),
        Some("uint32") => Some(i64::from(u32::MAX)),
        _ => bound("maximum"),
    };
    bound("minimum").is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max)
}

fn wrong_type(value: &Spanned<DeValue<'_>>, path: &str, schemas: &[&Schema]) -> Complaint {
    let mut wanted: Vec<&str> = Vec::new();
    for schema in schemas {
        let names = match schema.get("type") {
            Some(Schema::String(name)) => vec![name.as_str()],
            Some(Schema::Array(names)) => names.iter().filter_map(Schema::as_str).collect(),
            _ => vec!["string"],
        };
        wanted.extend(names.into_iter().filter(|n| *n != "null").map(|name| match name {
            "object" => "a table",
            "array" => "a list",
            "string" => "a text in quotes",
            "integer" => "a whole number in range",
            "boolean" => "true or false",
            _ => "another type",
        }));
    }
    let found = value.get_ref().type_str();
    let message = format!("`{path}` must be {}", wanted.join(" or "));
    let complaint = Complaint::new("C004", message, value.span(), format!("this is {found}"));
    match value.get_ref() {
        DeValue::Float(number) => {
            complaint.help(format!("decimal numbers stand in quotes: \"{}\"", number.as_str()))
        }
        DeValue::Table(_) if wanted.contains(&"a list") => {
            complaint.help(format!("write the header with two brackets: [[{path}]]"))
        }
        _ => complaint,
    }
}

fn unknown_key(
    key: &Spanned<toml::de::DeString<'_>>,
    path: &str,
    known: Option<&serde_json::Map<String, Schema>>,
) -> Complaint {
    let name = key.get_ref();
    let place = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
    let keys: Vec<&str> = known.into_iter().flatten().map(|(k, _)| k.as_str()).collect();
    Complaint::new("C002", format!("unknown key `{name}` in {place}"), key.span(), "not a key here")
        .help(match nearest(name, keys.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the keys here are: {}", keys.join(", ")),
        })
}

fn missing_key(
    name: &str,
    path: &str,
    place: Range<usize>,
    known: Option<&serde_json::Map<String, Schema>>,
) -> Complaint {
    let of = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
    let complaint = Complaint::new("C003", format!("{of} lacks the key `{name}`"), place, "here");
    let about = known
        .and_then(|keys| keys.get(name))
        .and_then(|schema| schema.get("description"))
        .and_then(Schema::as_str);
    match about {
        Some(about) => complaint.help(format!("add `{name} = ...`: {}", about.replace('\n', " "))),
        None => complaint.help(format!("add `{name} = ...`")),
    }
}

/// The name that was probably meant, where one is near enough.
pub fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    among
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
