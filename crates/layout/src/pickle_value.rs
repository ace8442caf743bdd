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
    /// Keys and values; only text is kept as a key.
    Table(Vec<(Rc<str>, Value)>, u8),
    /// The texts of a list; its other items are not kept.
    Texts(Vec<Rc<str>>),
    /// A function and its arguments.
    Call(Rc<str>, Items),
    /// What is stored outside of the pickle, by its description.
    Stored(Items),
    /// Where a tuple or the like begins.
    Mark,
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
            Self::Table(_, depth) => *depth,
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
