use std::rc::Rc;

/// No value is nested deeper.
pub(crate) const DEEPEST: u8 = 32;

/// What a pickle describes. Where a pickle calls a function, that call is a value like any other: nothing is run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Nothing, a fraction, or whatever else no tensor needs.
    Other,
    Integer(i64),
    Text(Rc<str>),
    /// A function or class: module and name.
    Name(Rc<str>),
    Tuple(Items),
    /// A table, by its number in [`Tables`].
    Table(usize),
    /// A list, by its number in [`Tables`].
    List(usize),
    /// A function and its arguments.
    Call(Rc<str>, Items),
    /// What is stored outside of the pickle, by its description.
    Stored(Items),
    /// Where a tuple or the like begins.
    Mark,
}

/// The tables and lists of a pickle. Values refer to them by number, so that a table that is used often is kept once, and
/// one that holds itself ends.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    tables: Vec<Vec<(Rc<str>, Value)>>,
    lists: Vec<Vec<Rc<str>>>,
}

impl Tables {
    pub(crate) fn new_table(&mut self) -> Value {
        self.tables.push(Vec::new());
        Value::Table(self.tables.len() - 1)
    }

    pub(crate) fn new_list(&mut self) -> Value {
        self.lists.push(Vec::new());
        Value::List(self.lists.len() - 1)
    }

    /// Adds to a table, keys and values in turn, or to a list; only text is kept as a key, and only text of a list.
    pub(crate) fn extend(&mut self, target: &Value, values: Vec<Value>) {
        match target {
            Value::Table(index) => {
                let Some(table) = self.tables.get_mut(*index) else { return };
                let mut values = values.into_iter();
                while let (Some(key), Some(value)) = (values.next(), values.next()) {
                    if let Value::Text(key) = key {
                        table.push((key, value));
                    }
                }
            }
            Value::List(index) => {
                let text = |value| if let Value::Text(text) = value { Some(text) } else { None };
                let Some(list) = self.lists.get_mut(*index) else { return };
                list.extend(values.into_iter().filter_map(text));
            }
            _ => {}
        }
    }

    /// Keys and values of a table, in the order in which they were added.
    pub(crate) fn table(&self, value: &Value) -> Option<&[(Rc<str>, Value)]> {
        if let Value::Table(index) = value { self.tables.get(*index).map(Vec::as_slice) } else { None }
    }

    /// The texts of a list.
    pub(crate) fn list(&self, value: &Value) -> Option<&[Rc<str>]> {
        if let Value::List(index) = value { self.lists.get(*index).map(Vec::as_slice) } else { None }
    }
}

/// Values together, shared by all that hold them, and how deep they are nested.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Items {
    values: Rc<[Value]>,
    depth: u8,
}

impl Items {
    pub(crate) fn new(values: Vec<Value>) -> Option<Self> {
        let depth = values.iter().map(Value::depth).max().unwrap_or(0) + 1;
        (depth <= DEEPEST).then(|| Self { values: values.into(), depth })
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Value> {
        self.values.get(index)
    }

    /// All of them, if they are integers that count something.
    pub(crate) fn counts(&self) -> Option<Vec<usize>> {
        self.values.iter().map(Value::count).collect()
    }
}

impl Value {
    /// How deep what it holds is nested.
    pub(crate) fn depth(&self) -> u8 {
        match self {
            Self::Tuple(items) | Self::Call(_, items) | Self::Stored(items) => items.depth,
            _ => 0,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) | Self::Name(text) = self { Some(text) } else { None }
    }

    pub(crate) fn count(&self) -> Option<usize> {
        if let Self::Integer(number) = self { usize::try_from(*number).ok() } else { None }
    }

    pub(crate) fn tuple(&self) -> Option<&Items> {
        if let Self::Tuple(items) = self { Some(items) } else { None }
    }
}
