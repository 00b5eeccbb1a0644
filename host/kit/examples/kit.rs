//! `kit PLUGIN.wasm [FILTER]`: the kit without the program around it.

use bracketd_kit::{Kit, Outcome, Setup};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let file = args.next().ok_or("usage: kit PLUGIN.wasm [FILTER]")?;
    let filter = args.next();
    let kit = Kit::new(&std::fs::read(&file)?, &file, Setup::default())?;
    let report = kit.run(filter.as_deref(), &|row| match &row.outcome {
        Outcome::Pass => {}
        other => println!("{} {:?} {other:?}", row.id(), row.took),
    });
    println!("{}", report.text());
    let mut slow: Vec<_> = report.rows.iter().collect();
    slow.sort_by_key(|row| std::cmp::Reverse(row.took));
    for row in slow.iter().take(400) {
        println!("{:?} {}", row.took, row.id());
    }
    Ok(())
}
