//! What stands under a key, where, and is it of the right type?

use super::Code;
use super::file::File;
use super::literal::Literal;
use super::report::{Place, Report, quoted};
use jiff::civil::Date;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

/// A table of a file.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    source: &'a File,
    map: &'a DeTable<'a>,
    /// Its header; of a whole file, the beginning.
    pub(super) place: Place,
}

/// What stands under a key, or in an array under a key.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    source: &'a File,
    key: &'a str,
    value: &'a DeValue<'a>,
    pub(super) place: Place,
}

/// A string and its place.
pub(super) struct Text<'a> {
    source: &'a File,
    pub(super) value: &'a str,
    pub(super) place: Place,
    literal: OnceCell<Literal>,
}

impl<'a> Table<'a> {
    /// The table of a whole file.
    pub(super) fn root(source: &'a File, file: usize, map: &'a DeTable<'a>) -> Table<'a> {
        Table { source, map, place: Place::new(file, 0..0) }
    }

    /// Reports every key but these.
    pub(super) fn only(&self, keys: &[&str], report: &mut Report<'_>) {
        for key in self.map.keys() {
            let name = key.get_ref().as_ref();
            if !keys.contains(&name) {
                let help = report.did_you_mean(
                    name,
                    keys.iter().copied(),
                    format!("keys here: {}", keys.join(", ")),
                );
                report.add(
                    Code::UnknownKey,
                    self.at(key.span()),
                    format!("unknown key {}", quoted(name)),
                    help,
                );
            }
        }
    }

    /// Whether anything stands under a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// What stands under a key, unless it is no TOML.
    pub(super) fn get(&self, key: &'a str, report: &Report<'_>) -> Option<Value<'a>> {
        let value = self.map.get(key)?;
        let place = self.at(value.span());
        let value = Value { source: self.source, key, value: value.get_ref(), place };
        (!report.is_broken(place) && place.end > place.start).then_some(value)
    }

    /// What stands under a required key.
    pub(super) fn require(&self, key: &'a str, what: &str, report: &mut Report<'_>) -> Option<Value<'a>> {
        if !self.has(key) && !report.is_torn(self.place.file) {
            report.add(
                Code::MissingKey,
                self.place,
                format!("{what} has no `{key}`"),
                format!("add `{key} = …`"),
            );
        }
        self.get(key, report)
    }

    /// Keys and values, by key.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Text<'a>, Value<'a>)> {
        self.map.iter().map(|(key, value)| {
            let name = key.get_ref().as_ref();
            let (source, place) = (self.source, self.at(value.span()));
            let text = Text { source, value: name, place: self.at(key.span()), literal: OnceCell::new() };
            (text, Value { source, key: name, value: value.get_ref(), place })
        })
    }

    fn at(&self, range: Range<usize>) -> Place {
        Place::new(self.place.file, range)
    }
}

impl<'a> Value<'a> {
    pub(super) fn text(self, report: &mut Report<'_>) -> Option<Text<'a>> {
        match self.value {
            DeValue::String(value) => {
                Some(Text { source: self.source, value, place: self.place, literal: OnceCell::new() })
            }
            _ => self.wrong("a string", "put it in quotes", report),
        }
    }

    /// The strings of an array.
    pub(super) fn texts(self, report: &mut Report<'_>) -> Vec<Text<'a>> {
        let strings = self.array("a list of strings", "write [\"one\", \"two\"]", report);
        strings.into_iter().filter_map(|value| value.text(report)).collect()
    }

    pub(super) fn is_empty_array(self) -> bool {
        matches!(self.value, DeValue::Array(values) if values.is_empty())
    }

    /// The tables of an array of tables, `[[key]]`.
    pub(super) fn tables(self, report: &mut Report<'_>) -> Vec<Table<'a>> {
        let help = format!("begin each with [[{}]]", self.key);
        let tables = self.array("an array of tables", &help, report);
        tables.into_iter().filter_map(|value| value.table(report)).collect()
    }

    pub(super) fn table(self, report: &mut Report<'_>) -> Option<Table<'a>> {
        match self.value {
            DeValue::Table(map) => Some(Table { source: self.source, map, place: self.place }),
            _ => self.wrong("a table", "write { key = value }, or the keys below a [header]", report),
        }
    }

    /// A table of free keys, each with a string or a list of strings.
    pub(super) fn free(self, report: &mut Report<'_>) -> BTreeMap<String, Vec<String>> {
        let mut map = BTreeMap::new();
        for (key, value) in self.table(report).iter().flat_map(Table::entries) {
            let texts = match value.value {
                DeValue::String(_) => value.text(report).into_iter().collect(),
                DeValue::Array(_) => value.texts(report),
                _ => value.wrong("a string or a list of strings", "", report).into_iter().collect(),
            };
            map.insert(key.value.to_owned(), texts.into_iter().map(|text| text.value.to_owned()).collect());
        }
        map
    }

    pub(super) fn number(self, report: &mut Report<'_>) -> Option<f64> {
        let number = match self.value {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => {
                i128::from_str_radix(integer.as_str(), integer.radix()).ok().map(|integer| integer as f64)
            }
            _ => None,
        };
        number.or_else(|| self.wrong("a number", "write it without quotes, such as 0.5", report))
    }

    /// A number without a point.
    pub(super) fn whole(self, report: &mut Report<'_>) -> Option<f64> {
        match self.value {
            DeValue::Float(_) => self.wrong("a whole number", "write it without a point", report),
            _ => self.number(report),
        }
    }

    pub(super) fn boolean(self, report: &mut Report<'_>) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            _ => self.wrong("true or false", "write it without quotes", report),
        }
    }

    /// A date, as days since 1970-01-01.
    pub(super) fn date(self, report: &mut Report<'_>) -> Option<i64> {
        let date = match self.value {
            DeValue::Datetime(Datetime { date: Some(date), time: None, offset: None }) => {
                Date::new(i16::try_from(date.year).unwrap_or(-1), date.month as i8, date.day as i8).ok()
            }
            _ => None,
        };
        let days = date.and_then(|date| date.since(jiff::civil::date(1970, 1, 1)).ok());
        match days {
            Some(days) => Some(i64::from(days.get_days())),
            None => self.wrong("a date", "write it without quotes and time, such as 2022-02-24", report),
        }
    }

    fn array(self, what: &str, help: &str, report: &mut Report<'_>) -> Vec<Value<'a>> {
        let DeValue::Array(values) = self.value else {
            self.wrong::<()>(what, help, report);
            return Vec::new();
        };
        let at = |range| Place::new(self.place.file, range);
        values.iter().map(|value| Value { value: value.get_ref(), place: at(value.span()), ..self }).collect()
    }

    fn wrong<T>(self, what: &str, help: &str, report: &mut Report<'_>) -> Option<T> {
        let message = format!("{} must be {what}, not {}", quoted(self.key), kind(self.value));
        report.add(Code::WrongType, self.place, message, help);
        None
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(Datetime { date: Some(_), time: None, .. }) => "a date",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

impl Text<'_> {
    /// The place of a part of the string, by its bytes in the string's value.
    pub(super) fn at(&self, range: Range<usize>) -> Place {
        let literal = self.literal.get_or_init(|| {
            let raw = self.source.text.get(self.place.start..self.place.end).unwrap_or("");
            Literal::new(raw, self.place.start)
        });
        Place::new(self.place.file, literal.at(range.start)..literal.at(range.end))
    }
}
