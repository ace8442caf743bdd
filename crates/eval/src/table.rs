use std::fmt;

use serde::Serialize;

/// Figures by row and column, each in the order in which they came; those of several seeds are united.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<String>,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    /// Images, and images that they are compared with.
    size: Option<(usize, usize)>,
    /// The figures of a row, of each seed.
    cells: Vec<(String, Vec<Cell>)>,
}

/// A figure of one seed.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    value: f64,
    stderr: Option<f64>,
}

/// A figure of all seeds, as it stands in `eval.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The column.
    pub subject: String,
    /// The row.
    pub name: String,
    /// The mean over seeds.
    pub value: f64,
    /// The standard error of the mean: from the spread of the seeds or, of a single one, what the metric states.
    pub stderr: Option<f64>,
    /// How many seeds.
    pub seeds: usize,
}

impl Cell {
    /// A value and, where the metric knows it, its standard error.
    pub fn new(value: f64, stderr: Option<f64>) -> Self {
        Self { value, stderr }
    }
}

impl Table {
    /// Adds the figure of one seed.
    pub fn add(&mut self, column: &str, row: &str, cell: Cell) {
        if !self.rows.iter().any(|name| name == row) {
            self.rows.push(row.into());
        }
        let cells = &mut self.column(column).cells;
        match cells.iter_mut().find(|(name, _)| name == row) {
            Some((_, cells)) => cells.push(cell),
            None => cells.push((row.into(), vec![cell])),
        }
    }

    /// Says how many images a column judges, and with how many it compares them.
    pub fn size(&mut self, column: &str, images: usize, compared_with: usize) {
        self.column(column).size = Some((images, compared_with));
    }

    fn column(&mut self, name: &str) -> &mut Column {
        let index = self.columns.iter().position(|column| column.name == name).unwrap_or_else(|| {
            self.columns.push(Column { name: name.into(), size: None, cells: Vec::new() });
            self.columns.len() - 1
        });
        &mut self.columns[index]
    }

    /// Some of the columns, and the rows that have a figure in them.
    pub fn columns(&self, keep: impl Fn(&str) -> bool) -> Self {
        let columns: Vec<Column> = self.columns.iter().filter(|column| keep(&column.name)).cloned().collect();
        let held =
            |row: &&String| columns.iter().any(|column| column.cells.iter().any(|(name, _)| name == *row));
        let rows = self.rows.iter().filter(held).cloned().collect();
        Self { columns, rows }
    }

    /// Whether it has more columns than so many.
    pub fn is_wider_than(&self, columns: usize) -> bool {
        self.columns.len() > columns
    }

    /// All figures.
    pub fn summary(&self) -> Vec<Figure> {
        let of = |column: &Column| {
            let figures = column.cells.iter().map(|(row, cells)| figure(&column.name, row, cells));
            figures.collect::<Vec<_>>()
        };
        self.columns.iter().flat_map(of).collect()
    }

    /// The figures of a row, by column; none without the row.
    pub fn row(&self, name: &str) -> Option<Vec<Figure>> {
        let figures: Vec<Figure> = self.summary().into_iter().filter(|figure| figure.name == name).collect();
        (!figures.is_empty()).then_some(figures)
    }
}

fn figure(column: &str, row: &str, cells: &[Cell]) -> Figure {
    let n = cells.len() as f64;
    let mean = cells.iter().map(|cell| cell.value).sum::<f64>() / n;
    let stderr = match cells {
        [cell] => cell.stderr,
        _ => {
            let squares: f64 = cells.iter().map(|cell| (cell.value - mean).powi(2)).sum();
            Some((squares / (n - 1.0) / n).sqrt())
        }
    };
    Figure { subject: column.into(), name: row.into(), value: mean, stderr, seeds: cells.len() }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<Vec<String>> = vec![vec![String::new()], vec!["images (compared with)".into()]];
        for Column { name, size, .. } in &self.columns {
            lines[0].push(name.clone());
            lines[1].push(size.map_or(String::new(), |(images, with)| format!("{images} ({with})")));
        }
        for row in &self.rows {
            let cell = |column: &Column| {
                let cells = column.cells.iter().find(|(name, _)| name == row);
                cells.map_or("-".into(), |(_, cells)| text(&figure(&column.name, row, cells)))
            };
            lines.push([row.clone()].into_iter().chain(self.columns.iter().map(cell)).collect());
        }
        let width = |place: usize| lines.iter().map(|line| line[place].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..=self.columns.len()).map(width).collect();
        for line in &lines {
            write!(f, "{:<1$}", line[0], widths[0])?;
            for (cell, width) in line[1..].iter().zip(&widths[1..]) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Four significant digits, and an error of two.
fn text(figure: &Figure) -> String {
    let value = digits(figure.value, 4);
    match figure.stderr {
        Some(stderr) => format!("{value} ± {}", digits(stderr, 2)),
        None => value,
    }
}

fn digits(value: f64, significant: u8) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    if value.abs() < 1e-3 {
        return format!("{value:.0$e}", significant as usize - 1);
    }
    let places = (i32::from(significant) - 1 - value.abs().log10().floor() as i32).clamp(0, 6);
    format!("{value:.0$}", places as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn seeds_become_a_mean_and_its_error() {
        let mut table = Table::default();
        for value in [1.0, 2.0, 6.0] {
            table.add("ema", "FD", Cell::new(value, Some(9.0)));
        }
        table.add("ema", "bits/dim", Cell::new(2.5, Some(0.01)));
        table.add("test", "FD", Cell::new(0.012345, None));
        table.size("ema", 100, 1707);
        // Mean 3, variance (4 + 1 + 9) / 2 = 7.
        let stderr = (7.0f64 / 3.0).sqrt();
        let figure = table.row("FD").unwrap().remove(0);
        assert_eq!((figure.value, figure.seeds), (3.0, 3));
        assert!((figure.stderr.unwrap() - stderr).abs() < 1e-12);
        expect![[r#"
                                              ema     test
            images (compared with)     100 (1707)         
            FD                        3.000 ± 1.5  0.01235
            bits/dim                2.500 ± 0.010        -
        "#]]
        .assert_eq(&table.to_string());
    }

    #[test]
    fn digits_that_count_are_shown() {
        assert_eq!(
            [12.3456, 0.01234567, 2.1e-5, 0.0].map(|value| digits(value, 4)),
            ["12.35", "0.01235", "2.100e-5", "0"]
        );
    }

    #[test]
    fn rows_without_figures_go_with_their_columns() {
        let mut table = Table::default();
        table.add("ema", "CAS", Cell::new(0.9, None));
        table.add("test", "FD", Cell::new(0.5, None));
        let only = table.columns(|name| name == "test");
        assert_eq!(only.rows, ["FD"]);
        assert!(!only.is_wider_than(1));
    }
}
