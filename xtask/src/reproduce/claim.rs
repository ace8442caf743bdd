use super::Row;

/// What was published, as an order of two rows of a table.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The claim in words.
    pub text: String,
    /// The row that is to be less.
    pub less: String,
    /// The row that is to be more; none for 0.
    pub more: Option<String>,
}

impl Claim {
    /// That one row is less than another.
    pub fn less(text: impl Into<String>, less: String, more: String) -> Self {
        Self { text: text.into(), less, more: Some(more) }
    }

    /// That a difference is below 0.
    pub fn negative(text: impl Into<String>, difference: &str) -> Self {
        Self { text: text.into(), less: difference.into(), more: None }
    }

    /// What the rows say of it: the claim, whether it holds here, and by how much. A difference of two standard errors counts.
    pub fn judged(&self, rows: &[Row]) -> String {
        let found = |name: &str| {
            let row = rows.iter().find(|row| row.name == name)?;
            Some((row.value, row.stderr.unwrap_or(0.0)))
        };
        let more = self.more.as_deref().map_or(Some((0.0, 0.0)), found);
        let (Some(less), Some(more)) = (found(&self.less), more) else {
            return format!("{}: not measured", self.text);
        };
        let (difference, error) = (more.0 - less.0, less.1.hypot(more.1));
        let verdict = match () {
            () if difference.abs() < 2.0 * error => "not settled",
            () if difference > 0.0 => "holds",
            () => "does not hold",
        };
        format!(
            "{}: **{verdict}**, {:.3} against {:.3}, difference {difference:.3} ± {error:.3}",
            self.text, less.0, more.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, value: f64, stderr: Option<f64>) -> Row {
        let command = String::new();
        Row { name: name.into(), value, stderr, published: None, unit: "bits/dim".into(), command }
    }

    #[test]
    fn a_difference_within_two_errors_settles_nothing() {
        let rows = [
            row("a", 1.0, Some(0.3)),
            row("b", 2.0, Some(0.4)),
            row("c", 2.1, Some(0.3)),
            row("d", 5.0, None),
        ];
        let verdict = |less: &str, more: &str| Claim::less("x", less.into(), more.into()).judged(&rows);
        assert_eq!(verdict("a", "b"), "x: **holds**, 1.000 against 2.000, difference 1.000 ± 0.500");
        assert!(verdict("b", "c").contains("**not settled**"));
        assert!(verdict("d", "a").contains("**does not hold**"));
        assert!(verdict("a", "e").contains("not measured"));
        assert!(Claim::negative("x", "a").judged(&rows).starts_with("x: **does not hold**"));
    }
}
