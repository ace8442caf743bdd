//! Whether a shard's footer describes what can be in the file; the library panics at numbers below 0.

use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

/// Rows of a row group, which is read at once.
const MOST_ROWS: i64 = 1 << 24;

/// What is impossible, if anything is; `size` is that of the file in bytes.
pub(super) fn fault(metadata: &ParquetMetaData, size: u64) -> Option<String> {
    metadata.row_groups().iter().enumerate().find_map(|(number, group)| {
        if !(0..=MOST_ROWS).contains(&group.num_rows()) {
            let rows = group.num_rows();
            return Some(format!(
                "row group {number} has {rows} rows, which is not between 0 and {MOST_ROWS}"
            ));
        }
        let outside = group.columns().iter().find(|column| !lies_within(column, size))?;
        Some(format!("row group {number}: column {} lies outside the file", outside.column_path().string()))
    })
}

fn lies_within(column: &ColumnChunkMetaData, size: u64) -> bool {
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let end = start.checked_add(column.compressed_size());
    let numbers = [start, column.data_page_offset(), column.compressed_size(), column.num_values()];
    numbers.iter().all(|&number| number >= 0)
        && end.is_some_and(|end| u64::try_from(end).is_ok_and(|end| end <= size))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::basic::Type;
    use parquet::schema::types::{ColumnDescriptor, ColumnPath, Type as SchemaType};

    use super::*;

    #[test]
    fn columns_lie_between_the_ends_of_the_file() {
        let kind = SchemaType::primitive_type_builder("x", Type::INT32).build().unwrap();
        let column = ColumnDescriptor::new(Arc::new(kind), 0, 0, ColumnPath::from("x"));
        let column = Arc::new(column);
        let within = |dictionary: Option<i64>, data: i64, length: i64| {
            let column = ColumnChunkMetaData::builder(column.clone())
                .set_dictionary_page_offset(dictionary)
                .set_data_page_offset(data)
                .set_total_compressed_size(length)
                .build();
            lies_within(&column.unwrap(), 100)
        };
        assert!(within(None, 4, 96) && within(Some(4), 50, 96));
        assert!(!within(None, 4, 97) && !within(None, -4, 8) && !within(Some(-4), 4, 8));
        assert!(!within(None, 4, -1) && !within(None, i64::MAX, i64::MAX));
    }
}
