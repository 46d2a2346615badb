//! Values by number that are all forgotten at once.

/// Values by number. Forgetting them costs nothing, so that few of many can be used for each document.
#[derive(Debug, Default)]
pub(super) struct Stamped<T> {
    entries: Vec<(u32, T)>,
    stamp: u32,
}

impl<T: Copy + Default> Stamped<T> {
    /// Forgets all values; there is room for those numbered below `length`.
    pub(super) fn reset(&mut self, length: usize) {
        if self.stamp == u32::MAX {
            self.entries.clear();
            self.stamp = 0;
        }
        self.stamp += 1;
        if self.entries.len() < length {
            self.entries.resize(length, (0, T::default()));
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<T> {
        let (stamp, value) = self.entries[number as usize];
        (stamp == self.stamp).then_some(value)
    }

    pub(super) fn set(&mut self, number: u32, value: T) {
        self.entries[number as usize] = (self.stamp, value);
    }
}
