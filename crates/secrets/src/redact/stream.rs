//! Redaction of a stream: what is kept back, and what is let out when.

use std::{collections::VecDeque, fmt, sync::Arc};

use zeroize::Zeroizing;

use super::{
    Patterns,
    machine::{Found, Machine, StateID},
};

/// How much is looked at before anything is let out; what is kept at most is this and the longest form.
const STRIDE: usize = 64 * 1024;

/// Takes secrets out of one stream. Of what could become a secret nothing is let out; everything else is, at once.
pub struct Redactor {
    patterns: Arc<Patterns>,
    scan: Option<Scan>,
}

impl Redactor {
    /// A redactor at the beginning of its stream.
    pub fn new(patterns: Arc<Patterns>) -> Redactor {
        Redactor {
            scan: patterns.machine.as_ref().map(Scan::new),
            patterns,
        }
    }

    /// Takes some more of the stream, and appends to `out` what can be let out.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        match (&self.patterns.machine, &mut self.scan) {
            (Some(machine), Some(scan)) => scan.push(machine, chunk, out),
            _ => out.extend_from_slice(chunk),
        }
    }

    /// Appends to `out` what was kept back: the stream is at its end. Another one can follow.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let (Some(machine), Some(scan)) = (&self.patterns.machine, &mut self.scan) {
            scan.finish(machine, out);
        }
    }
}

#[cfg(test)]
impl Redactor {
    /// How many bytes are kept back.
    pub(super) fn kept(&self) -> usize {
        self.scan.as_ref().map_or(0, |scan| scan.kept.len())
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// How far a stream was read, and what of it was not let out yet. Positions count from the stream's beginning.
pub(super) struct Scan {
    state: StateID,
    /// How much was read.
    read: u64,
    /// How much was let out, or taken out.
    settled: u64,
    /// What stands between the two.
    kept: Zeroizing<Vec<u8>>,
    /// What is to be taken out, in order, apart from each other; the first may have begun before `settled`.
    finds: VecDeque<Find>,
}

/// A stretch of the stream in which every byte is part of a secret.
#[derive(Clone, Copy)]
struct Find {
    start: u64,
    end: u64,
    /// The longest form in it, which gives it its name.
    longest: Found,
}

impl Scan {
    pub(super) fn new(machine: &Machine) -> Scan {
        Scan {
            state: machine.start(),
            read: 0,
            settled: 0,
            // At once as large as it gets: where it grew, a copy would stay behind.
            kept: Zeroizing::new(Vec::with_capacity(machine.longest() + STRIDE)),
            finds: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, machine: &Machine, chunk: &[u8], out: &mut Vec<u8>) {
        for stride in chunk.chunks(STRIDE) {
            self.kept.extend_from_slice(stride);
            for byte in stride {
                self.state = machine.next(self.state, *byte);
                self.read += 1;
                if let Some(found) = machine.found(self.state) {
                    self.note(found);
                }
            }
            // No form that is still to be found begins before this.
            let sure = self.read - machine.depth(self.state) as u64;
            self.settle(machine, sure, out);
        }
    }

    pub(super) fn finish(&mut self, machine: &Machine, out: &mut Vec<u8>) {
        self.settle(machine, self.read, out);
        self.state = machine.start();
    }

    /// Notes a form that ends here, as one with those that it overlaps.
    fn note(&mut self, found: Found) {
        let mut find = Find {
            start: self.read - found.length as u64,
            end: self.read,
            longest: found,
        };
        while let Some(last) = self.finds.pop_back_if(|last| last.end > find.start) {
            find.start = find.start.min(last.start);
            if last.longest.length >= find.longest.length {
                find.longest = last.longest;
            }
        }
        self.finds.push_back(find);
    }

    /// Lets out everything before `sure`, with marks in the place of what was found.
    fn settle(&mut self, machine: &Machine, sure: u64, out: &mut Vec<u8>) {
        let mut rest = self.kept.as_slice();
        let mut settled = self.settled;
        let mut take = |until: u64| {
            let (taken, left) =
                rest.split_at(usize::try_from(until.saturating_sub(settled)).unwrap_or(usize::MAX));
            rest = left;
            settled = settled.max(until);
            taken
        };
        let mut open = false;
        while let Some(find) = self.finds.front().copied().filter(|find| find.start < sure) {
            out.extend_from_slice(take(find.start));
            // Of what is taken out nothing needs to be kept, however long it becomes.
            take(find.end.min(sure));
            open = find.end > sure;
            if open {
                break;
            }
            out.extend_from_slice(machine.mark(find.longest.secret));
            self.finds.pop_front();
        }
        if !open {
            out.extend_from_slice(take(sure));
        }
        let left = rest.len();
        self.drop_all_but(left);
        self.settled = settled;
    }

    fn drop_all_but(&mut self, left: usize) {
        let gone = self.kept.len() - left;
        self.kept.copy_within(gone.., 0);
        self.kept.truncate(left);
    }
}
