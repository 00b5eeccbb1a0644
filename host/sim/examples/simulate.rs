//! dev runner
#![allow(missing_docs, clippy::print_stdout)]
use bracketd_sim::{Limits, Scripts, history};
use std::collections::BTreeMap;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let from: u64 = args[1].parse().unwrap();
    let n: u64 = args[2].parse().unwrap();
    let trace = args.get(3).is_some_and(|a| a == "trace");
    let without: Vec<bracketd_sim::fault::Fault> = std::env::var("WITHOUT").unwrap_or_default()
        .split(',').filter_map(bracketd_sim::fault::Fault::parse).collect();
    let limits = Limits { without, ..Limits::default() };
    let scripts = Scripts::build();
    let t = std::time::Instant::now();
    let mut by: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for seed in from..from + n {
        let out = history::run(seed, &limits, &scripts, trace);
        if trace {
            for l in &out.lines {
                println!("{l}");
            }
            println!("{:?}", out.faults);
        }
        for v in out.violations.iter().take(1) {
            by.entry(v.rule.to_string()).or_default().push((seed, v.text.clone()));
        }
        if trace {
            for v in &out.violations {
                println!("{v:?}");
            }
        }
    }
    for (r, v) in &by {
        println!("{r}: {}", v.len());
        for (s, t) in v.iter().take(8) {
            println!("   {s}: {}", t.chars().take(260).collect::<String>());
        }
    }
    println!("{n} in {:?}", t.elapsed());
}
