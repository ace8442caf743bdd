use std::collections::HashMap;

use crate::pickle_value::{Items, Tables, Value};

/// No name of a function or class is longer.
const LONGEST_NAME: usize = 1024;

/// A pickle that others may follow.
pub(crate) struct Pickle<'a> {
    pub(crate) value: Value,
    /// The tables and lists that it refers to.
    pub(crate) tables: Tables,
    /// All that it says is stored outside of it.
    pub(crate) stored: Vec<Items>,
    /// What follows it.
    pub(crate) rest: &'a [u8],
}

/// Reads the first of several pickles, of protocols 2 to 5, of which those operations are known that torch writes for tensors
/// by name.
///
/// Memory grows with the bytes read: each operation makes at most one value, and all that is long is shared.
///
/// # Errors
///
/// Where it is cut short, and the operation that is not known.
pub(crate) fn parse(bytes: &[u8]) -> Result<Pickle<'_>, String> {
    let mut machine = Machine { rest: bytes, ..Machine::default() };
    let mut last = 0;
    while !machine.rest.is_empty() {
        let at = bytes.len() - machine.rest.len();
        last = at;
        match machine.step() {
            Some(false) => {}
            Some(true) => {
                let value = machine.stack.pop().ok_or("the pickle holds nothing")?;
                let Machine { tables, stored, rest, .. } = machine;
                return Ok(Pickle { value, tables, stored, rest });
            }
            None => return Err(format!("its pickle is damaged, or of a kind we do not know, at byte {at}")),
        }
    }
    Err(format!("its pickle is cut short after byte {last}"))
}

#[derive(Default)]
struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Value>,
    memo: HashMap<usize, Value>,
    tables: Tables,
    stored: Vec<Items>,
}

impl Machine<'_> {
    /// One operation; whether it was the last. None if it is unknown or does not fit.
    fn step(&mut self) -> Option<bool> {
        let [operation] = self.take()?;
        match operation {
            b'.' => return Some(true),
            0x80 => self.take::<1>().map(drop)?,
            0x95 => self.take::<8>().map(drop)?,
            b'(' => self.stack.push(Value::Mark),
            b'0' => drop(self.stack.pop()?),
            b'N' | 0x88 | 0x89 => self.stack.push(Value::Other),
            b'G' => {
                self.take::<8>()?;
                self.stack.push(Value::Other);
            }
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.remember(operation)?,
            b'K' | b'M' | b'J' | 0x8a => self.integer(operation)?,
            b'X' | 0x8c | b'c' | 0x93 => self.text(operation)?,
            b')' | b't' | 0x85..=0x87 => self.tuple(operation)?,
            b'}' | b']' | b's' | b'u' | b'a' | b'e' => self.table(operation)?,
            b'R' | 0x81 | b'Q' | b'b' => self.call(operation)?,
            _ => return None,
        }
        Some(false)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn slice(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn line(&mut self) -> Option<String> {
        let length = self.rest.iter().position(|&byte| byte == b'\n')?;
        let line = std::str::from_utf8(self.slice(length)?).ok()?.to_owned();
        self.take::<1>()?;
        Some(line)
    }

    /// What follows the last mark.
    fn marked(&mut self) -> Option<Vec<Value>> {
        let mark = self.stack.iter().rposition(|value| *value == Value::Mark)?;
        let values = self.stack.split_off(mark + 1);
        self.stack.pop();
        Some(values)
    }

    fn remember(&mut self, operation: u8) -> Option<()> {
        let place = match operation {
            0x94 => self.memo.len(),
            b'q' | b'h' => usize::from(self.take::<1>()?[0]),
            _ => u32::from_le_bytes(self.take()?) as usize,
        };
        if matches!(operation, b'h' | b'j') {
            self.stack.push(self.memo.get(&place)?.clone());
        } else {
            self.memo.insert(place, self.stack.last()?.clone());
        }
        Some(())
    }

    fn integer(&mut self, operation: u8) -> Option<()> {
        let number = match operation {
            b'K' => i64::from(self.take::<1>()?[0]),
            b'M' => i64::from(u16::from_le_bytes(self.take()?)),
            b'J' => i64::from(i32::from_le_bytes(self.take()?)),
            _ => {
                let length = usize::from(self.take::<1>()?[0]);
                let mut bytes = [0; 8];
                bytes.get_mut(..length)?.copy_from_slice(self.slice(length)?);
                i64::from_le_bytes(bytes)
            }
        };
        self.stack.push(Value::Integer(number));
        Some(())
    }

    fn text(&mut self, operation: u8) -> Option<()> {
        let value = match operation {
            b'c' => {
                let module = self.line()?;
                full_name(&module, &self.line()?)?
            }
            0x93 => {
                let (name, module) = (self.stack.pop()?, self.stack.pop()?);
                full_name(module.text()?, name.text()?)?
            }
            _ => {
                let length = match operation {
                    0x8c => usize::from(self.take::<1>()?[0]),
                    _ => u32::from_le_bytes(self.take()?) as usize,
                };
                Value::Text(std::str::from_utf8(self.slice(length)?).ok()?.into())
            }
        };
        self.stack.push(value);
        Some(())
    }

    fn tuple(&mut self, operation: u8) -> Option<()> {
        let values = match operation {
            b')' => Vec::new(),
            b't' => self.marked()?,
            few => {
                let first = self.stack.len().checked_sub(usize::from(few - 0x84))?;
                self.stack.split_off(first)
            }
        };
        self.stack.push(Value::Tuple(Items::new(values)?));
        Some(())
    }

    /// Tables and lists.
    fn table(&mut self, operation: u8) -> Option<()> {
        let values = match operation {
            b'}' => {
                self.stack.push(self.tables.new_table());
                return Some(());
            }
            b']' => {
                self.stack.push(self.tables.new_list());
                return Some(());
            }
            b'u' | b'e' => self.marked()?,
            b's' => self.stack.split_off(self.stack.len().checked_sub(2)?),
            _ => self.stack.split_off(self.stack.len().checked_sub(1)?),
        };
        self.tables.extend(self.stack.last()?, values);
        Some(())
    }

    fn call(&mut self, operation: u8) -> Option<()> {
        let argument = self.stack.pop()?;
        if operation == b'b' {
            // What an object is given besides: no tensor.
            return Some(());
        }
        let value = match (operation, argument) {
            (b'Q', Value::Tuple(items)) => {
                self.stored.push(items.clone());
                Value::Stored(items)
            }
            (b'Q', _) => Value::Other,
            (_, Value::Tuple(items)) => match self.stack.pop()? {
                Value::Name(name) if &*name == "collections.OrderedDict" => self.tables.new_table(),
                Value::Name(name) => Value::Call(name, items),
                _ => Value::Other,
            },
            _ => return None,
        };
        self.stack.push(value);
        Some(())
    }
}

/// A function or class of a module; none where its name is longer than any.
fn full_name(module: &str, name: &str) -> Option<Value> {
    // Names are made of names: without a bound they would double with every operation.
    (module.len() + name.len() < LONGEST_NAME).then(|| Value::Name(format!("{module}.{name}").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_values() {
        let bytes = b"\x80\x02cos\nsystem\nX\x04\0\0\0boom\x85R.";
        let Value::Call(name, arguments) = parse(bytes).unwrap().value else { panic!("it is a call") };
        assert_eq!((&*name, arguments.get(0).unwrap().text()), ("os.system", Some("boom")));
    }

    #[test]
    fn what_is_cut_short_or_nested_without_end_is_refused() {
        let bytes = b"\x80\x02}X\x01\0\0\0aK\x05s.";
        let Pickle { value, tables, .. } = parse(bytes).unwrap();
        assert_eq!(tables.table(&value).unwrap(), [("a".into(), Value::Integer(5))]);
        for length in 0..bytes.len() - 1 {
            assert!(parse(&bytes[..length]).is_err(), "{length}");
        }
        let mut deep = b"\x80\x02)".to_vec();
        deep.extend([0x85; 100_000]);
        deep.push(b'.');
        assert!(parse(&deep).err().unwrap().contains("at byte"));
        assert!(parse(b"\x80\x02t.").is_err() && parse(b"\x80\x02\x87.").is_err());
    }

    /// A table is remembered when it is empty and filled later; what it is filled with is seen wherever it is used.
    #[test]
    fn a_table_is_one_wherever_it_is_used() {
        let Pickle { value, tables, .. } = parse(b"}q\x00X\x01\0\0\0ah\x00sX\x01\0\0\0bK\x05s.").unwrap();
        let [(a, itself), (b, five)] = tables.table(&value).unwrap() else { panic!("it has two entries") };
        assert_eq!((&**a, itself, &**b, five), ("a", &value, "b", &Value::Integer(5)));
    }

    /// Each of 40 tables holds the one before ten times; names are made of names.
    #[test]
    fn what_grows_with_every_use_is_not_copied() {
        let mut laughs = b"\x80\x02}q\x00".to_vec();
        for level in 1..40 {
            laughs.extend([b'}', b'q', level, b'(']);
            for _ in 0..10 {
                laughs.extend([b'X', 1, 0, 0, 0, b'k', b'h', level - 1]);
            }
            laughs.push(b'u');
        }
        laughs.push(b'.');
        let Pickle { value, tables, .. } = parse(&laughs).unwrap();
        assert_eq!(tables.table(&value).unwrap().len(), 10);
        let doubled = b"h\x00h\x00\x93q\x00".repeat(64);
        let names = [b"\x80\x04X\x08\0\0\0abcdefghq\x00", doubled.as_slice(), b"."].concat();
        assert!(parse(&names).is_err());
    }
}
