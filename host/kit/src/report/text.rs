//! The report as a person reads it: a matrix, what is declared and seen, what it cost, each finding.
//!
//! Apart from the run. What fails stands last, above the verdict: that is where a terminal ends.

use std::fmt::Write as _;

use super::{Capability, Report};
use crate::row::{Outcome, Part, Row};
use crate::trouble::TROUBLES;

/// Width of the first column.
const FIRST: usize = 26;

impl Report {
    /// The report as text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let name = self
            .info
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), |info| format!("{} {}", info.name, info.version));
        writeln!(out, "plugin   {name}")?;
        writeln!(out, "file     {}", self.file)?;
        writeln!(out, "sha256   {}", self.digest)?;
        writeln!(out, "ABI      {}", self.abi)?;
        writeln!(out, "broker   {}", self.broker)?;
        if let Some(filter) = &self.filter {
            writeln!(out, "rows     only those with \"{filter}\" in their name")?;
        }
        self.matrix(out)?;
        self.cases(out)?;
        self.histories(out)?;
        self.capabilities(out)?;
        self.costs(out)?;
        self.findings(out)?;
        writeln!(out, "\n{}", self.verdict())
    }

    /// The last line: whether it passes.
    pub fn verdict(&self) -> String {
        let counts = self.counts();
        let all = counts.passed + counts.failed + counts.not_offered;
        let rest = format!("{} not offered, {:.1} s", counts.not_offered, self.took.as_secs_f64());
        match (counts.failed, counts.passed) {
            (0, 0) => format!("nothing was tried; {rest}"),
            (0, passed) => format!("passes: {passed} of {all} rows, {rest}"),
            (1, _) => format!("1 row of {all} fails, {rest}"),
            (failed, _) => format!("{failed} rows of {all} fail, {rest}"),
        }
    }

    fn of(&self, part: Part) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.part == part)
    }

    /// Groups in the order in which they were run.
    fn groups(&self, part: Part) -> Vec<&str> {
        let mut groups: Vec<&str> = Vec::new();
        for row in self.of(part) {
            if !groups.contains(&row.group.as_str()) {
                groups.push(&row.group);
            }
        }
        groups
    }

    fn matrix(&self, out: &mut String) -> std::fmt::Result {
        let groups = self.groups(Part::Exports);
        if groups.is_empty() {
            return Ok(());
        }
        write!(out, "\n{:<FIRST$}", "exports in each trouble")?;
        for number in 1..=TROUBLES.len() {
            write!(out, "{number:>3}")?;
        }
        writeln!(out)?;
        for group in groups {
            write!(out, "  {group:<width$}", width = FIRST - 2)?;
            for trouble in TROUBLES {
                let row = self
                    .of(Part::Exports)
                    .find(|row| row.group == group && row.name == trouble.name);
                write!(out, "{:>3}", row.map_or(" ", |row| mark(&row.outcome)))?;
            }
            writeln!(out)?;
        }
        for (number, trouble) in (1..).zip(TROUBLES) {
            let end = if number % 4 == 0 || number == TROUBLES.len() { "\n" } else { "" };
            let start = if number % 4 == 1 { "  " } else { "" };
            let told = format!("{number:>2} {}", trouble.name);
            write!(out, "{start}{told:<25}{end}")?;
        }
        writeln!(out, "  . as it must be   F fails   - not offered")
    }

    fn cases(&self, out: &mut String) -> std::fmt::Result {
        let groups = self.groups(Part::Broker);
        if groups.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nwhat brokers do without any trouble")?;
        for group in groups {
            for (number, row) in self.of(Part::Broker).filter(|r| r.group == group).enumerate() {
                let first = if number == 0 { group } else { "" };
                let why = match &row.outcome {
                    Outcome::NotOffered(why) => format!(" ({why})"),
                    Outcome::Pass | Outcome::Fail(_) => String::new(),
                };
                writeln!(out, "  {first:<10}{} {}{why}", mark(&row.outcome), row.name)?;
            }
        }
        Ok(())
    }

    fn histories(&self, out: &mut String) -> std::fmt::Result {
        let groups = self.groups(Part::Histories);
        if groups.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nlives of a transaction, disturbed at each host call")?;
        for group in groups {
            let rows: Vec<&Row> = self.of(Part::Histories).filter(|r| r.group == group).collect();
            let failed = rows.iter().filter(|row| row.outcome.is_failed()).count();
            let sign = if failed == 0 { "." } else { "F" };
            writeln!(out, "  {sign} {group:<40} {} rows, {failed} fail", rows.len())?;
        }
        Ok(())
    }

    fn capabilities(&self, out: &mut String) -> std::fmt::Result {
        if self.capabilities.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{:<FIRST$} declared  seen", "features")?;
        for Capability { feature, is_declared, is_seen } in &self.capabilities {
            let declared = if *is_declared { "yes" } else { "no" };
            let seen = match is_seen {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "-",
            };
            writeln!(out, "  {feature:<width$} {declared:<8}  {seen}", width = FIRST - 2)?;
        }
        Ok(())
    }

    fn costs(&self, out: &mut String) -> std::fmt::Result {
        if self.costs.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n{:<FIRST$}{:>7}{:>10}{:>10}{:>10}",
            "calls", "calls", "requests", "mean ms", "most ms"
        )?;
        for (export, cost) in &self.costs {
            let mean = cost.own.as_secs_f64() * 1_000.0
                / f64::from(u32::try_from(cost.calls).unwrap_or(u32::MAX).max(1));
            let most = cost.own_max.as_secs_f64() * 1_000.0;
            let (calls, requests) = (cost.calls, cost.requests);
            let width = FIRST - 2;
            writeln!(out, "  {export:<width$}{calls:>7}{requests:>10}{mean:>10.2}{most:>10.2}")?;
        }
        writeln!(out, "  the plugin's own time, host calls taken out")
    }

    fn findings(&self, out: &mut String) -> std::fmt::Result {
        for row in &self.rows {
            let Outcome::Fail(finding) = &row.outcome else { continue };
            writeln!(out, "\nFAIL {}", row.id())?;
            writeln!(out, "  expected  {}", finding.expected)?;
            writeln!(out, "  happened  {}", finding.happened)?;
            if !finding.at.is_empty() {
                writeln!(out, "  at        {}", finding.at)?;
            }
        }
        Ok(())
    }
}

fn mark(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => ".",
        Outcome::Fail(_) => "F",
        Outcome::NotOffered(_) => "-",
    }
}
