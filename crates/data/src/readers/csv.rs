//! Points of a text file.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::points::{OpenedPoints, Points};

/// A file of numbers separated by commas, a point to a line; a first line without a number is taken for names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvConfig {
    /// The file.
    pub path: PathBuf,
}

impl CsvConfig {
    pub(crate) fn open(&self) -> Result<OpenedPoints, DataError> {
        let text = fs::read_to_string(&self.path).map_err(|error| DataError::read(&self.path, error))?;
        let failed = |line: usize, reason: String| DataError::Csv {
            path: format!("{}, line {}", self.path.display(), line + 1),
            reason,
        };
        let mut values = Vec::new();
        let mut columns = None;
        for (line, row) in text.lines().enumerate().filter(|(_, row)| !row.trim().is_empty()) {
            let cells: Vec<_> = row.split(',').map(|cell| cell.trim().parse::<f32>()).collect();
            if line == 0 && cells.iter().all(Result::is_err) {
                continue;
            }
            let width = *columns.get_or_insert(cells.len());
            if cells.len() != width {
                return Err(failed(
                    line,
                    format!("{} numbers, but {width} in the lines before", cells.len()),
                ));
            }
            for (column, cell) in cells.into_iter().enumerate() {
                match cell {
                    Ok(value) if value.is_finite() => values.push(value),
                    _ => return Err(failed(line, format!("column {} holds no number", column + 1))),
                }
            }
        }
        let Some(columns) = columns else {
            let path = self.path.display().to_string();
            return Err(DataError::Empty {
                path,
                expected: "numbers separated by commas, a point to a line",
            });
        };
        let mut fingerprint = Fingerprint::new("csv");
        fingerprint.add("text", &text);
        Ok(OpenedPoints { train: Points { values, shape: [columns, 1, 1] }, valid: None, fingerprint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<OpenedPoints, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.csv");
        fs::write(&path, text).unwrap();
        CsvConfig { path }.open().map_err(|error| error.to_string())
    }

    #[test]
    fn each_line_is_a_point_below_an_optional_header() {
        let points = open("x, y\n1, 2\n\n-3.5, 4e1\n").unwrap().train;
        assert_eq!((points.len(), points.shape, points.point(1)), (2, [2, 1, 1], &[-3.5, 40.0][..]));
        assert_eq!(open("7\n8\n").unwrap().train.shape, [1, 1, 1]);
    }

    #[test]
    fn what_is_no_point_is_named_with_its_line() {
        for (text, expected) in [
            ("1,2\n3\n", "line 2: 1 numbers, but 2 in the lines before"),
            ("1,2\n3,four\n", "line 2: column 2 holds no number"),
            ("1,nan\n", "line 1: column 2 holds no number"),
            ("x,y\n", "no images found; expected numbers separated by commas"),
        ] {
            let error = open(text).err().unwrap();
            assert!(error.contains(expected), "{error}");
        }
    }
}
