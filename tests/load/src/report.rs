//! Rows: one line for a person, one JSON line for the record.

use std::fs;
use std::io::Write as _;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::Common;

/// Latencies in microseconds, three digits, up to two minutes.
///
/// # Errors
/// Never with these bounds.
pub fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 120_000_000, 3)?)
}

/// p50, p99, p99.9 and the maximum, in milliseconds.
pub fn quantiles(of: &Histogram<u64>) -> Value {
    let ms = |us: u64| (us as f64 / 10.0).round() / 100.0;
    json!({
        "p50": ms(of.value_at_quantile(0.5)),
        "p99": ms(of.value_at_quantile(0.99)),
        "p99.9": ms(of.value_at_quantile(0.999)),
        "max": ms(of.max()),
    })
}

/// Prints a row and appends it to the record.
///
/// # Errors
/// When the record cannot be written.
pub fn row(common: &Common, what: &str, mut facts: Value) -> Result<()> {
    facts["what"] = json!(what);
    facts["family"] = json!(common.family.name());
    if let Some(folder) = common.out.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut record = fs::OpenOptions::new().create(true).append(true).open(&common.out)?;
    writeln!(record, "{facts}")?;
    let mut line = format!("{what} {}", common.family.name());
    for (name, value) in facts.as_object().into_iter().flatten() {
        if name == "what" || name == "family" {
            continue;
        }
        let value = value.to_string().replace(['"', '{', '}'], "").replace(',', " ");
        line.push_str(&format!("  {name} {value}"));
    }
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
