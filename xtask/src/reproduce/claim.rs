use super::Row;

/// What was published, as an order of two rows of a table.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The claim in words.
    pub text: String,
    /// The row that is to be less.
    pub less: String,
    /// The row that is to be more.
    pub more: String,
}

impl Claim {
    /// That one row is less than another.
    pub fn less(text: impl Into<String>, less: String, more: String) -> Self {
        Self { text: text.into(), less, more }
    }

    /// What the rows say of it: the claim, whether it holds here, and by how much. A difference of two standard errors counts.
    pub fn judged(&self, rows: &[Row]) -> String {
        let row = |name: &str| rows.iter().find(|row| row.name == name);
        let (Some(less), Some(more)) = (row(&self.less), row(&self.more)) else {
            return format!("{}: not measured", self.text);
        };
        let difference = more.value - less.value;
        let error = less.stderr.unwrap_or(0.0).hypot(more.stderr.unwrap_or(0.0));
        let verdict = match () {
            () if difference.abs() < 2.0 * error => "not settled",
            () if difference > 0.0 => "holds",
            () => "does not hold",
        };
        format!(
            "{}: **{verdict}**, {:.3} against {:.3}, difference {difference:.3} ± {error:.3}",
            self.text, less.value, more.value
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
    }
}
