//! The rulesets that are served.

use super::{Checked, load};
use crate::engine::Classifier;
use crate::rules::{Diagnostic, Ruleset, Source};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A ruleset that is served. A call holds one from start to end, whatever is replaced meanwhile.
#[derive(Debug)]
pub struct Live {
    /// The name under which it is served.
    pub name: String,
    /// The compiled ruleset.
    pub classifier: Classifier,
    /// When it went live.
    pub loaded_at: SystemTime,
    /// How many documents got each topic, in the order of the topics.
    labels: Box<[AtomicU64]>,
}

impl Live {
    /// A ruleset that goes live now.
    #[must_use]
    pub fn new(name: String, classifier: Classifier) -> Live {
        let labels = classifier.topics().iter().map(|_| AtomicU64::new(0)).collect();
        Live { name, classifier, loaded_at: SystemTime::now(), labels }
    }

    /// Counts a document that got a topic, given by its place among the topics.
    pub fn count(&self, topic: u32) {
        if let Some(count) = self.labels.get(topic as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// How many documents got each topic since it went live, in the order of the topics.
    pub fn labels(&self) -> impl Iterator<Item = u64> {
        self.labels.iter().map(|count| count.load(Relaxed))
    }
}

/// The rulesets that are served, by name; the first one is the default.
#[derive(Debug, Default)]
pub struct Catalog {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    live: ArcSwap<Live>,
    /// What was wrong at the last replacement, if that failed.
    fault: ArcSwapOption<Vec<Diagnostic>>,
    /// Where its files are; none for the ruleset inside this program.
    folder: Option<PathBuf>,
    /// Held while files are read and tried, so that of two reloads the later one ends with the later files.
    tried: Mutex<Tried>,
}

#[derive(Debug)]
struct Tried {
    /// The revision of the files that were last tried.
    revision: String,
    /// Whether the folder could not be read the last time.
    lost: bool,
}

/// Two rulesets of one name cannot be served.
#[derive(Debug, PartialEq, Eq)]
pub struct NameTaken(pub String);

impl fmt::Display for NameTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two rulesets are named {:?}", self.0)
    }
}

impl std::error::Error for NameTaken {}

/// Why a ruleset was not replaced.
#[derive(Debug)]
pub enum NotServed {
    /// No ruleset of this name is served.
    Unknown,
    /// The new one has errors or failed examples.
    Faulty(Vec<Diagnostic>),
}

/// The warnings of a ruleset that went live, or what is wrong with one that did not.
type Replaced = Result<Vec<Diagnostic>, Vec<Diagnostic>>;

/// What became of a ruleset whose files were read again. Paths of diagnostics begin with its folder.
#[derive(Debug)]
pub enum Outcome {
    /// It was replaced.
    Replaced {
        /// The revision that is live.
        revision: String,
        /// Warnings.
        diagnostics: Vec<Diagnostic>,
    },
    /// It has errors or failed examples; the last good one stays live.
    Refused {
        /// What is wrong with it.
        diagnostics: Vec<Diagnostic>,
    },
    /// Its folder cannot be read.
    Lost {
        /// Why.
        error: String,
        /// Whether that is new.
        news: bool,
    },
    /// Its folder holds what was last tried.
    Same {
        /// Whether it could not be read the last time.
        found: bool,
    },
}

impl Outcome {
    /// Whether anything is other than it was.
    #[must_use]
    pub fn is_news(&self) -> bool {
        match self {
            Outcome::Replaced { .. } | Outcome::Refused { .. } => true,
            Outcome::Lost { news, .. } => *news,
            Outcome::Same { found } => *found,
        }
    }
}

/// Why the files of a ruleset are not read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRead {
    /// No ruleset of this name is served.
    Unknown,
    /// It is the one inside this program, which has no files.
    Inside,
}

impl Catalog {
    /// Adds a ruleset, and the folder to read it from again.
    ///
    /// # Errors
    /// When there is one of its name.
    pub fn add(&mut self, live: Live, folder: Option<PathBuf>) -> Result<(), NameTaken> {
        if self.entries.iter().any(|entry| entry.live.load().name == live.name) {
            return Err(NameTaken(live.name));
        }
        let tried = Tried { revision: live.classifier.revision().to_owned(), lost: false };
        let tried = Mutex::new(tried);
        let (live, fault) = (ArcSwap::from_pointee(live), ArcSwapOption::empty());
        self.entries.push(Entry { live, fault, folder, tried });
        Ok(())
    }

    /// The ruleset of a name, as it is now; the default one for the empty name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Live>> {
        self.entry(name).map(|entry| entry.live.load_full())
    }

    /// Every ruleset as it is now, the default one first, and what was wrong at its last replacement, if that failed.
    pub fn all(&self) -> impl Iterator<Item = (Arc<Live>, Option<Arc<Vec<Diagnostic>>>)> {
        self.entries.iter().map(|entry| (entry.live.load_full(), entry.fault.load_full()))
    }

    /// Replaces a ruleset by that of other files, if these have no errors and their examples hold; otherwise the last good
    /// one stays live, and what is wrong is kept beside it. Returns warnings.
    ///
    /// # Errors
    /// When the ruleset is not replaced.
    pub fn replace(&self, name: &str, sources: &[Source]) -> Result<Vec<Diagnostic>, NotServed> {
        let entry = self.entry(name).ok_or(NotServed::Unknown)?;
        entry.replace(&mut entry.tried(), sources).map_err(NotServed::Faulty)
    }

    /// Reads the folders again whose files are not those that were last tried, and replaces their rulesets, each as
    /// [`Catalog::replace`] does. Returns what became of each by name; of one that is as it was, nothing.
    pub fn reload_all(&self) -> Vec<(String, Outcome)> {
        let again = |entry: &Entry| {
            let outcome = entry.reload(entry.folder.as_deref()?);
            outcome.is_news().then(|| (entry.live.load().name.clone(), outcome))
        };
        self.entries.iter().filter_map(again).collect()
    }

    /// Reads the folder of one ruleset again, as [`Catalog::reload_all`] does.
    ///
    /// # Errors
    /// When there is no such ruleset, or it has no folder.
    pub fn reload(&self, name: &str) -> Result<Outcome, NotRead> {
        let entry = self.entry(name).ok_or(NotRead::Unknown)?;
        Ok(entry.reload(entry.folder.as_deref().ok_or(NotRead::Inside)?))
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        if name.is_empty() {
            self.entries.first()
        } else {
            self.entries.iter().find(|entry| entry.live.load().name == name)
        }
    }
}

impl Entry {
    fn tried(&self) -> MutexGuard<'_, Tried> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reload(&self, folder: &Path) -> Outcome {
        let mut tried = self.tried();
        let sources = match load(folder) {
            Ok(sources) => sources,
            Err(error) => {
                let news = !std::mem::replace(&mut tried.lost, true);
                return Outcome::Lost { error: error.to_string(), news };
            }
        };
        let found = std::mem::take(&mut tried.lost);
        if tried.revision == Ruleset::revision_of(&sources) {
            return Outcome::Same { found };
        }
        match self.replace(&mut tried, &sources) {
            Ok(diagnostics) => {
                let revision = self.live.load().classifier.revision().to_owned();
                Outcome::Replaced { revision, diagnostics: inside(folder, diagnostics) }
            }
            Err(diagnostics) => Outcome::Refused { diagnostics: inside(folder, diagnostics) },
        }
    }

    fn replace(&self, tried: &mut Tried, sources: &[Source]) -> Replaced {
        tried.revision = Ruleset::revision_of(sources);
        let name = self.live.load().name.clone();
        match Checked::new(&name, sources).sound() {
            Ok((classifier, warnings)) => {
                self.live.store(Arc::new(Live::new(name, classifier)));
                self.fault.store(None);
                Ok(warnings)
            }
            Err(diagnostics) => {
                self.fault.store(Some(Arc::new(diagnostics.clone())));
                Err(diagnostics)
            }
        }
    }
}

/// Diagnostics with paths that begin with the folder.
fn inside(folder: &Path, mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for diagnostic in diagnostics.iter_mut().filter(|diagnostic| diagnostic.line > 0) {
        diagnostic.path = folder.join(&diagnostic.path).display().to_string();
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, content: &str) -> Source {
        Source { path: path.to_owned(), content: content.as_bytes().to_owned() }
    }

    fn ruleset(term: &str, example: &str) -> Vec<Source> {
        let topic = format!(
            "id = 'trade'\nname = 'Trade'\n[[rule]]\nweight = 1\nterms = ['{term}']\n[[example]]\ntext = '{example}'\n"
        );
        vec![source("ruleset.toml", "name = 'r'\nversion = '1'\n"), source("trade.toml", &topic)]
    }

    fn catalog() -> Catalog {
        let (classifier, _) = Checked::new("r", &ruleset("tariff", "A tariff")).sound().unwrap();
        let mut catalog = Catalog::default();
        catalog.add(Live::new("r".to_owned(), classifier), None).unwrap();
        catalog
    }

    #[test]
    fn the_first_ruleset_is_the_default_and_names_are_unique() {
        let mut catalog = catalog();
        let (classifier, _) = Checked::new("s", &ruleset("quota", "A quota")).sound().unwrap();
        catalog.add(Live::new("s".to_owned(), classifier), None).unwrap();
        assert_eq!(catalog.get("").unwrap().name, "r");
        assert_eq!(catalog.get("s").unwrap().name, "s");
        assert!(catalog.get("t").is_none());
        let (classifier, _) = Checked::new("s", &ruleset("quota", "A quota")).sound().unwrap();
        assert_eq!(catalog.add(Live::new("s".to_owned(), classifier), None), Err(NameTaken("s".to_owned())));
    }

    #[test]
    fn a_ruleset_is_replaced_as_a_whole() {
        let catalog = catalog();
        let before = catalog.get("r").unwrap();
        assert!(catalog.replace("r", &ruleset("quota", "A quota")).unwrap().is_empty());
        let after = catalog.get("r").unwrap();
        assert_ne!(before.classifier.revision(), after.classifier.revision());
        assert!(matches!(catalog.replace("t", &[]), Err(NotServed::Unknown)));
    }

    #[test]
    fn a_faulty_ruleset_leaves_the_last_good_one_live() {
        let catalog = catalog();
        let live = catalog.get("r").unwrap();
        for (faulty, code) in [(ruleset("!", "A quota"), "E0501"), (ruleset("quota", "A tariff"), "E0701")] {
            let Err(NotServed::Faulty(diagnostics)) = catalog.replace("r", &faulty) else {
                panic!("replaced")
            };
            assert_eq!(diagnostics[0].code, code);
            let (still, fault) = catalog.all().next().unwrap();
            assert!(Arc::ptr_eq(&live, &still));
            assert_eq!(*fault.unwrap(), diagnostics);
        }
        catalog.replace("r", &ruleset("quota", "A quota")).unwrap();
        assert!(catalog.all().next().unwrap().1.is_none());
    }
}
