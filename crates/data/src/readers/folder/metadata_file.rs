//! `metadata.jsonl` and `metadata.csv`, as the `imagefolder` loader of Hugging Face `datasets` has them.

use std::fs;
use std::path::{Component, Path};

use serde::Deserialize;

use crate::error::DataError;

/// What a line says of a picture.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    /// Its number in the file, from 1.
    #[serde(skip)]
    pub(super) number: usize,
    /// Relative to the folder of the metadata.
    pub(super) file_name: String,
    pub(super) text: Option<String>,
    caption: Option<String>,
    pub(super) label: Option<Label>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`label` is no whole number and no name")]
pub(super) enum Label {
    Number(i64),
    Name(String),
}

impl Line {
    /// `text` or `caption`, whichever is given; nothing if it is blank.
    pub(super) fn caption(&self) -> Option<&str> {
        let given = self.text.as_deref().or(self.caption.as_deref());
        given.filter(|text| !text.trim().is_empty())
    }

    fn check(&self, path: &Path) -> Result<(), DataError> {
        let failed = |reason: &str| Err(at_line(path, self.number, reason));
        if self.file_name.is_empty() || Path::new(&self.file_name).components().any(leaves) {
            return failed(&format!("`{}` lies outside the folder", self.file_name));
        }
        match (&self.text, &self.caption) {
            (Some(text), Some(caption)) if text != caption => {
                failed("`text` and `caption` are not the same: leave out one of them")
            }
            _ => Ok(()),
        }
    }
}

/// Whether a path's part can lead out of the folder it starts in.
fn leaves(part: Component) -> bool {
    !matches!(part, Component::Normal(_) | Component::CurDir)
}

/// The lines of a metadata file.
pub(super) fn read(path: &Path) -> Result<Vec<Line>, DataError> {
    let content = fs::read_to_string(path).map_err(|e| DataError::read(path, e))?;
    // Spreadsheets begin files with a mark of their byte order.
    let content = content.strip_prefix('\u{feff}').unwrap_or(&content);
    let lines = match path.extension().is_some_and(|extension| extension == "csv") {
        true => csv_lines(path, content)?,
        false => json_lines(path, content)?,
    };
    lines.iter().try_for_each(|line| line.check(path))?;
    Ok(lines)
}

fn json_lines(path: &Path, content: &str) -> Result<Vec<Line>, DataError> {
    let lines = content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parsed = lines.map(|(i, line)| {
        let line = serde_json::from_str::<Line>(line).map_err(|e| at_line(path, i + 1, &e.to_string()))?;
        Ok(Line { number: i + 1, ..line })
    });
    parsed.collect()
}

/// Labels are numbers if all are, and names otherwise.
fn csv_lines(path: &Path, content: &str) -> Result<Vec<Line>, DataError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(content.as_bytes());
    let failed = |e: csv::Error| {
        let line = e.position().map_or(1, |position| position.line() as usize);
        at_line(path, line, &e.to_string())
    };
    let header = reader.headers().map_err(failed)?.clone();
    let column = |name: &str| header.iter().position(|other| other == name);
    let Some(file_name) = column("file_name") else {
        let names = header.iter().collect::<Vec<_>>().join(", ");
        return Err(at_line(path, 1, &format!("no column `file_name` among {names}")));
    };
    let [text, caption, label] = ["text", "caption", "label"].map(column);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().map_err(failed)?;
    let cell = |row: &csv::StringRecord, column: Option<usize>| {
        column.and_then(|column| row.get(column)).filter(|cell| !cell.is_empty()).map(String::from)
    };
    let numbers = rows.iter().filter_map(|row| cell(row, label)).all(|label| label.parse::<i64>().is_ok());
    let line = |row: &csv::StringRecord| Line {
        number: row.position().map_or(0, |position| position.line() as usize),
        file_name: cell(row, Some(file_name)).unwrap_or_default(),
        text: cell(row, text),
        caption: cell(row, caption),
        label: cell(row, label).map(|label| match label.parse() {
            Ok(number) if numbers => Label::Number(number),
            _ => Label::Name(label),
        }),
    };
    Ok(rows.iter().map(line).collect())
}

pub(super) fn at_line(path: &Path, number: usize, reason: &str) -> DataError {
    DataError::Layout { path: format!("{}, line {number}", path.display()), reason: reason.into() }
}
