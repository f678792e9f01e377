//! One error type: a stable code for programs, a sentence for people.

use std::fmt;

/// What went wrong, stable across versions; crosses to JavaScript as `NearfieldError.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A vector or an array has the wrong length.
    Dimension,
    /// NaN or an infinity where a finite number is needed.
    NotFinite,
    /// A key is duplicate, missing, of the wrong sort or out of range.
    Key,
    /// An option is unknown, of the wrong type or out of range.
    Option,
    /// The bytes are not a file of the format asked for, or of a version this build cannot read.
    Format,
    /// The bytes are such a file and are damaged.
    Corrupt,
    /// Memory could not be had.
    Memory,
    /// The index is closed, or poisoned by an earlier panic.
    Closed,
    /// The backend could not be loaded or has died.
    Backend,
    /// A blocking call where blocking is not possible.
    Blocking,
    /// Reading or writing failed.
    Io,
    /// The caller's signal aborted the call.
    Aborted,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::Dimension,
        Self::NotFinite,
        Self::Key,
        Self::Option,
        Self::Format,
        Self::Corrupt,
        Self::Memory,
        Self::Closed,
        Self::Backend,
        Self::Blocking,
        Self::Io,
        Self::Aborted,
    ];

    /// The name programs see, e.g. `NOT_FINITE`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dimension => "DIMENSION",
            Self::NotFinite => "NOT_FINITE",
            Self::Key => "KEY",
            Self::Option => "OPTION",
            Self::Format => "FORMAT",
            Self::Corrupt => "CORRUPT",
            Self::Memory => "MEMORY",
            Self::Closed => "CLOSED",
            Self::Backend => "BACKEND",
            Self::Blocking => "BLOCKING",
            Self::Io => "IO",
            Self::Aborted => "ABORTED",
        }
    }

    /// What the code means, in one sentence.
    pub const fn doc(self) -> &'static str {
        match self {
            Self::Dimension => "A vector or an array has the wrong length.",
            Self::NotFinite => "NaN or an infinity where a finite number is needed.",
            Self::Key => "A key is duplicate, missing, of the wrong sort or out of range.",
            Self::Option => "An option is unknown, of the wrong type or out of range.",
            Self::Format => {
                "The bytes are not a file of the format asked for, or of a version this build cannot read."
            }
            Self::Corrupt => "The bytes are such a file and are damaged.",
            Self::Memory => "Memory could not be had.",
            Self::Closed => "The index is closed, or poisoned by an earlier panic.",
            Self::Backend => "The backend could not be loaded or has died.",
            Self::Blocking => "A blocking call where blocking is not possible.",
            Self::Io => "Reading or writing failed.",
            Self::Aborted => "The caller's signal aborted the call.",
        }
    }
}

/// An error with a stable [`Code`] and a message that names what was expected and received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    message: String,
}

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this code with this message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The stable code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The sentence for people, without the code.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// `CODE: message`, the one spelling the bindings carry to JavaScript.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Error {}
/// What is wrong, and with which element of which section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The section's name in FORMAT.md, or `header`.
    pub section: &'static str,
    /// The element, counted from 0.
    pub element: u64,
    /// What was expected and received.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} element {}: {}",
            self.section, self.element, self.what
        )
    }
}

impl std::error::Error for Fault {}
