//! One parameter of a detector: what it takes, and how a given value is read.

use serde::Serialize;
use serde_json::Value;

use crate::FitError;

/// One parameter of a detector.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ParameterInfo {
    /// Its name.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: ParameterKind,
    /// Its value when nothing is said.
    pub default: ParameterDefault,
    /// The least allowed number.
    pub min: Option<f64>,
    /// The greatest allowed number.
    pub max: Option<f64>,
    /// The allowed words; of a number, those that may stand for one.
    pub choices: &'static [&'static str],
    /// What it does, in one sentence.
    pub help: &'static str,
}

/// The kind of a parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// One of some words.
    Choice,
    /// A whole number.
    Integer,
    /// A number.
    Number,
}

/// A default value; in JSON just the value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ParameterDefault {
    /// A word.
    Word(&'static str),
    /// A whole number.
    Integer(u32),
    /// A number.
    Number(f64),
}

pub(crate) const fn choice(name: &'static str, choices: &'static [&'static str], help: &'static str) -> ParameterInfo {
    let default = ParameterDefault::Word(choices[0]);
    ParameterInfo { name, kind: ParameterKind::Choice, default, min: None, max: None, choices, help }
}

pub(crate) const fn number(name: &'static str, default: f64, min: f64, max: f64, help: &'static str) -> ParameterInfo {
    let default = ParameterDefault::Number(default);
    ParameterInfo { name, kind: ParameterKind::Number, default, min: Some(min), max: Some(max), choices: &[], help }
}

pub(crate) const fn count(name: &'static str, default: u32, min: u32, max: u32, help: &'static str) -> ParameterInfo {
    let (least, most) = (min as f64, max as f64);
    let default = ParameterDefault::Integer(default);
    ParameterInfo { name, kind: ParameterKind::Integer, default, min: Some(least), max: Some(most), choices: &[], help }
}

/// A whole number, or `word`, which it is when nothing is said.
pub(crate) const fn count_or(
    name: &'static str,
    word: &'static [&'static str; 1],
    min: u32,
    max: u32,
    help: &'static str,
) -> ParameterInfo {
    ParameterInfo { default: ParameterDefault::Word(word[0]), choices: word, ..count(name, 0, min, max, help) }
}

impl ParameterInfo {
    /// The value given, or the default. A number may come as text, as a command line brings it.
    pub(crate) fn read(&self, given: Option<&Value>) -> Result<Value, FitError> {
        let Some(given) = given else {
            return Ok(match self.default {
                ParameterDefault::Word(word) => Value::from(word),
                ParameterDefault::Integer(number) => Value::from(number),
                ParameterDefault::Number(number) => Value::from(number),
            });
        };
        let number = || match given {
            Value::String(text) => text.trim().parse().ok(),
            _ => given.as_f64(),
        };
        let within =
            |number: &f64| self.min.is_none_or(|min| *number >= min) && self.max.is_none_or(|max| *number <= max);
        let word = given.as_str().filter(|word| self.choices.contains(word)).map(Value::from);
        let read = match self.kind {
            _ if word.is_some() => word,
            ParameterKind::Choice => None,
            ParameterKind::Number => number().filter(within).map(Value::from),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and within the bounds")]
            ParameterKind::Integer => {
                number().filter(within).filter(|number| number.fract() == 0.0).map(|number| Value::from(number as u32))
            }
        };
        read.ok_or_else(|| {
            FitError::Config(format!("parameter {} is {given}; allowed is {}", self.name, self.allowed()))
        })
    }

    fn allowed(&self) -> String {
        let (min, max) = (self.min.unwrap_or(f64::NEG_INFINITY), self.max.unwrap_or(f64::INFINITY));
        match self.kind {
            ParameterKind::Choice => self.choices.join(" or "),
            ParameterKind::Integer => {
                let number = format!("a whole number from {min} to {max}");
                [self.choices, &[number.as_str()]].concat().join(" or ")
            }
            ParameterKind::Number => format!("a number from {min} to {max}"),
        }
    }
}
