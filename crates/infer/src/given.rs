use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};

use crate::args::Args;

/// The options that a command line gives, by their long names, whatever values they have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given(Vec<String>);

impl Given {
    fn of(matches: &ArgMatches) -> Self {
        let command = Args::command();
        let typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let options = command.get_arguments().filter(|option| typed(option.get_id().as_str()));
        Self(options.filter_map(|option| option.get_long()).map(str::to_owned).collect())
    }

    /// Their names, without dashes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// A command line: its arguments, and which of them were typed.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// All arguments, with defaults for those that were not.
    pub args: Args,
    /// Those that were.
    pub given: Given,
}

impl CommandFactory for CommandLine {
    fn command() -> Command {
        Args::command()
    }

    fn command_for_update() -> Command {
        Args::command_for_update()
    }
}

impl FromArgMatches for CommandLine {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self { given: Given::of(matches), args: Args::from_arg_matches(matches)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Parser for CommandLine {}
