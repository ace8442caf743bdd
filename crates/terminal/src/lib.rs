//! How programs read their command line and print. Printing never fails: a reader that went away, such as `head`, or a full
//! disk ends no work. What is printed holds no control characters, whatever files and classes are called.

mod names;
mod paths;
mod print;
mod program;

pub use names::{nearest, quoted};
pub use paths::meant;
pub use print::{draw, note, printable, say, warn};
pub use program::run;
