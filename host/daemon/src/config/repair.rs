//! A document whose mistakes of shape are taken out, so that its meaning can be checked as well.
//!
//! Apart because people want every mistake in one round, and serde reads no table with a wrong one in
//! it. What is put in the place of a mistake is marked, so that nobody is told of it; a repaired
//! document is only checked and never used.

use std::ops::Range;

use serde_json::Value as Schema;
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

/// The place of everything that nobody wrote.
pub const NOWHERE: Range<usize> = usize::MAX..usize::MAX;

/// Takes what was complained about out of the table, and fills in what the schema requires.
pub fn repair(table: &mut DeTable<'_>, schema: &Schema, bad: &[Range<usize>]) {
    let is_bad = |span| bad.contains(&span);
    let wrong = table.iter().filter(|(key, value)| is_bad(key.span()) || is_bad(value.span()));
    let wrong: Vec<_> = wrong.map(|(key, _)| key.clone()).collect();
    for key in &wrong {
        table.remove(key);
    }
    let known = schema.get("properties").and_then(Schema::as_object);
    for (key, value) in table.iter_mut() {
        let inner = known.and_then(|keys| keys.get(key.get_ref().as_ref()));
        if let Some(inner) = inner.or_else(|| schema.get("additionalProperties")) {
            within(value, inner, bad);
        }
    }
    let required = schema.get("required").and_then(Schema::as_array).into_iter().flatten();
    for name in required.filter_map(Schema::as_str) {
        let is_there = table.iter().any(|(key, _)| key.get_ref() == name);
        let wanted = known.and_then(|keys| keys.get(name));
        if let (false, Some(wanted)) = (is_there, wanted) {
            let key = Spanned::new(NOWHERE, name.to_owned().into());
            table.insert(key, Spanned::new(NOWHERE, filler(wanted)));
        }
    }
}

fn within(value: &mut Spanned<DeValue<'_>>, schema: &Schema, bad: &[Range<usize>]) {
    let either = schema.get("anyOf").and_then(Schema::as_array).into_iter().flatten();
    let shapes = || std::iter::once(schema).chain(either.clone());
    match value.get_mut() {
        DeValue::Table(inner) => {
            if let Some(schema) = shapes().find(|one| one["type"] == "object") {
                repair(inner, schema, bad);
            }
        }
        DeValue::Array(items) => {
            let Some(schema) = shapes().find_map(|one| one.get("items")) else { return };
            for item in items.iter_mut() {
                if bad.contains(&item.span()) {
                    *item = Spanned::new(NOWHERE, filler(schema));
                }
                within(item, schema, bad);
            }
        }
        _ => {}
    }
}

/// A value of the kind that the schema asks for.
fn filler(schema: &Schema) -> DeValue<'static> {
    let word = schema.pointer("/oneOf/0/const").or_else(|| schema.pointer("/enum/0"));
    match schema.get("type").and_then(Schema::as_str) {
        Some("integer") => DeValue::Integer(DeInteger::default()),
        Some("array") => DeValue::Array(DeArray::new()),
        Some("object") => DeValue::Table(DeTable::new()),
        Some("boolean") => DeValue::Boolean(false),
        _ => DeValue::String(word.and_then(Schema::as_str).unwrap_or("x").to_owned().into()),
    }
}
