//! An instance of the service that a test has for itself.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use crate::scratch::Scratch;

/// A running service with a database of its own. Dropping it ends it.
pub struct Instance {
    /// Where it answers, such as `http://127.0.0.1:40123`.
    pub url: String,
    child: Child,
    log: BufReader<ChildStdout>,
    /// Its database.
    pub database: Scratch,
}

impl Instance {
    /// Starts one on a free port and waits until it listens.
    pub fn start(name: &str) -> Self {
        let database = Scratch::migrated(name);
        let mut child = Command::new(env!("CARGO_BIN_EXE_guestbook"))
            .env("PORT", "0")
            .env(
                "DATABASE_URL",
                format!("sqlite://{}", database.path().display()),
            )
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut instance = Instance {
            url: String::new(),
            log: BufReader::new(child.stdout.take().unwrap()),
            child,
            database,
        };
        let line = instance.logged("http://");
        let at = line.find("http://").unwrap();
        instance.url = line[at..].to_owned();
        instance
    }

    /// The next line of its log that contains a text.
    pub fn logged(&mut self, text: &str) -> String {
        let mut lines = self.log.by_ref().lines().map(Result::unwrap);
        let found = lines.find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("the service ended without saying `{text}`"))
    }

    /// Tells it to stop.
    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until it has ended.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
