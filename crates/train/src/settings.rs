use terminal::nearest;
use toml::{Table, Value};

/// Applies a `--set`: sets one dotted key; the value is TOML, or a bare string.
pub fn apply(table: &mut Table, setting: &str) -> Result<(), String> {
    let (path, text) = setting.split_once('=').ok_or("expected key=value, such as train.steps=100")?;
    set(table, path, value(text))
}

/// The same, of a key that is a section with a `type`, where the value names it: `diffusion.schedule=cosine`.
pub fn apply_type(table: &mut Table, setting: &str) -> Option<()> {
    let (path, text) = setting.split_once('=')?;
    let kind = Some(value(text)).filter(Value::is_str)?;
    set(table, path, Value::Table(Table::from_iter([("type".to_owned(), kind)]))).ok()
}

fn value(text: &str) -> Value {
    toml::from_str::<Table>(&format!("value = {text}"))
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn set(table: &mut Table, path: &str, value: Value) -> Result<(), String> {
    let mut keys: Vec<&str> = path.trim().split('.').collect();
    let last = keys.pop().filter(|key| !key.is_empty()).ok_or("the key is empty")?;
    let mut section = table;
    for key in keys {
        let entry = section.entry(key).or_insert_with(|| Value::Table(Table::new()));
        section = entry.as_table_mut().ok_or_else(|| format!("{key} is not a section"))?;
    }
    section.insert(last.to_owned(), value);
    Ok(())
}

/// What serde says of a configuration, and what was probably meant: the nearest of the names that it lists, or a section
/// where it found its type alone.
pub fn explained(message: &str) -> String {
    if let Some((string, _)) = message
        .strip_prefix("invalid type: string ")
        .and_then(|rest| rest.split_once(", expected internally tagged enum"))
    {
        return format!("expected a section: write {{ type = {string} }}");
    }
    let Some((unknown, list)) = message.split_once(", expected ") else { return message.to_owned() };
    let name = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
    let names = list.split('`').skip(1).step_by(2);
    match nearest(&name(unknown), names) {
        Some(meant) if unknown.starts_with("unknown ") => format!("{unknown}: did you mean `{meant}`?"),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let list = "expected one of `steps`, `batch_size`, `ema_decay`";
        assert_eq!(
            explained(&format!("unknown field `batchsize`, {list}")),
            "unknown field `batchsize`: did you mean `batch_size`?"
        );
        let other = format!("unknown field `colour`, {list}");
        assert_eq!(explained(&other), other);
        assert_eq!(explained("missing field `type`"), "missing field `type`");
        let tagged = "invalid type: string \"cosine\", expected internally tagged enum ScheduleConfig";
        assert_eq!(explained(tagged), "expected a section: write { type = \"cosine\" }");
    }
}
