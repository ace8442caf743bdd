//! Captions in text files beside the pictures.

use std::fs;
use std::path::Path;

use super::Listing;
use super::tree::Tree;
use crate::error::DataError;
use crate::left_out::some;

/// No caption is longer, in bytes.
const LONGEST: u64 = 1 << 16;

/// Adds the captions of the text files that are called as the pictures are, and gives back the files of other kinds.
///
/// # Errors
///
/// If a file cannot be read, or says something else than the metadata.
pub(super) fn read(path: &Path, tree: &Tree, listing: &mut Listing) -> Result<Vec<String>, DataError> {
    let mut unused: Vec<String> = tree.others.clone();
    let mut used = std::collections::HashSet::new();
    for i in 0..listing.files.len() {
        let file = &listing.files[i];
        let text = file.rsplit_once('.').map_or_else(|| file.clone(), |(stem, _)| format!("{stem}.txt"));
        if !tree.texts.contains(&text) {
            continue;
        }
        let caption = read_caption(&path.join(&text))?;
        let captions = listing.captions.get_or_insert_with(|| vec![String::new(); listing.files.len()]);
        if !captions[i].is_empty() && !caption.is_empty() && captions[i].trim() != caption {
            let reason = format!("the metadata give {file} another caption: keep one of them");
            return Err(DataError::Layout { path: path.join(&text).display().to_string(), reason });
        }
        if captions[i].is_empty() {
            captions[i] = caption;
        }
        used.insert(text);
    }
    listing.captions_of_old &= used.is_empty();
    unused.extend(tree.texts.iter().filter(|text| !used.contains(*text)).cloned());
    unused.sort();
    Ok(unused)
}

/// The words of a file, with single spaces between them.
fn read_caption(path: &Path) -> Result<String, DataError> {
    let failed = |e| DataError::read(path, e);
    if fs::metadata(path).map_err(failed)?.len() > LONGEST {
        let reason = format!("more than {LONGEST} bytes make no caption: give it another name");
        return Err(DataError::Layout { path: path.display().to_string(), reason });
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A line about the pictures without a caption where others have one.
pub(super) fn missing(listing: &Listing) -> Option<String> {
    let captions = listing.captions.as_ref()?;
    let without = listing.files.iter().zip(captions).filter(|(_, caption)| caption.is_empty());
    let without: Vec<&String> = without.map(|(file, _)| file).collect();
    (!without.is_empty()).then(|| {
        format!(
            "{} of {} pictures have no caption, as if it were empty: {}",
            without.len(),
            captions.len(),
            some(&without)
        )
    })
}
