use std::fmt;

use super::Comparison;

/// What came of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The case.
    pub name: String,
    /// What it is about.
    pub kind: String,
    /// How it went.
    pub outcome: Outcome,
}

/// How a case went.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was run.
    Compared(Comparison),
    /// It asks for what we do not have, for the given reason.
    Unsupported(String),
    /// The library's own answer is not right, for the given reason.
    Faulty(String),
    /// It could not be run, for the given reason.
    Broken(String),
}

impl Report {
    /// Whether the case was run and agrees.
    pub fn passed(&self) -> bool {
        matches!(&self.outcome, Outcome::Compared(comparison) if comparison.agrees())
    }

    /// Whether the case was not compared.
    pub fn skipped(&self) -> bool {
        matches!(self.outcome, Outcome::Unsupported(_) | Outcome::Faulty(_))
    }
}

impl fmt::Display for Report {
    /// One line: case, kind, largest error, tolerance, verdict.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:44} {:20} ", self.name, self.kind)?;
        match &self.outcome {
            Outcome::Unsupported(reason) => write!(f, "unsupported: {reason}"),
            Outcome::Faulty(reason) => write!(f, "skipped: reference: {reason}"),
            Outcome::Broken(reason) => write!(f, "fail: {reason}"),
            Outcome::Compared(comparison) => {
                let (name, error, tolerance) = comparison.worst().unwrap_or(("nothing", f64::INFINITY, 0.0));
                let verdict = if comparison.agrees() { "pass" } else { "fail" };
                write!(f, "{error:8.1e} of {tolerance:.0e} in {name:16} {verdict}")
            }
        }
    }
}
