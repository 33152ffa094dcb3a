//! Where known secrets stand in a text, for whoever looks for them and takes nothing out.

use std::ops::Range;

use super::Patterns;

impl Patterns {
    /// Tells of every place where a form of a secret ends: where it stands, and the number of the secret, in the order of
    /// those that are not too short. Of forms that end at one place the longest is told.
    pub(crate) fn find(&self, text: &[u8], mut tell: impl FnMut(Range<usize>, usize)) {
        let Some(machine) = &self.machine else {
            return;
        };
        let mut state = machine.start();
        for (at, byte) in text.iter().enumerate() {
            state = machine.next(state, *byte);
            if let Some(found) = machine.found(state) {
                tell(at + 1 - found.length..at + 1, found.secret);
            }
        }
    }
}
