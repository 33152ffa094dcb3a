//! One instance's place on disk: its run directory, its files, its port.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use towpath_core::target::{InstanceKey, InstanceSpec, TargetError};

use super::{
    artifact, history,
    ports::{self, Listener, Reservations},
    unavailable,
};
use crate::shim::{
    Condition, Run, files,
    files::{Program, Spec},
    make_directory,
};

/// What an instance needs to remember beside its run.
const RECORD: &str = "instance.json";
/// The directory in which it runs, with its artifact.
const FILES: &str = "files";

/// Where instances are kept.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// A run directory per instance.
    pub(super) instances: PathBuf,
    /// Which ports are spoken for.
    ports: Reservations,
    /// The output of instances that are gone.
    pub(super) old: PathBuf,
}

impl Places {
    pub(super) fn below(root: &Path) -> Places {
        Places {
            instances: root.join("instances"),
            ports: Reservations::of_user(root),
            old: root.join("old"),
        }
    }

    pub(super) fn instance(&self, key: &InstanceKey) -> Instance {
        Instance {
            key: key.clone(),
            run: Run::new(self.instances.join(key.as_str())),
            places: self.clone(),
        }
    }
}

/// One instance, whether it exists or not.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    key: InstanceKey,
    pub(super) run: Run,
    places: Places,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    port: u16,
    /// Whether it was seen to answer there: then others know the address, and it must not change any more.
    answered: bool,
}

impl Instance {
    /// Words for an error about this instance.
    pub(super) fn trouble(&self) -> impl FnOnce(io::Error) -> TargetError + use<> {
        unavailable(format!("instance {}", self.key))
    }

    /// The port that was chosen for it.
    pub(super) fn port(&self) -> Result<Option<u16>, TargetError> {
        Ok(self.record()?.map(|record| record.port))
    }

    fn record(&self) -> Result<Option<Record>, TargetError> {
        files::read(&self.run.directory().join(RECORD)).map_err(self.trouble())
    }

    fn write(&self, record: &Record) -> Result<(), TargetError> {
        files::replace_durably(&self.run.directory().join(RECORD), record).map_err(self.trouble())
    }

    /// Writes down that it was seen to answer.
    pub(super) fn has_answered(&self) -> Result<(), TargetError> {
        match self.record()? {
            Some(Record {
                port,
                answered: false,
            }) => self.write(&Record {
                port,
                answered: true,
            }),
            _ => Ok(()),
        }
    }

    /// Copies the artifact, reserves a port and writes down what to run. What an earlier try left is used or replaced.
    pub(super) fn prepare(&self, spec: &InstanceSpec) -> Result<u16, TargetError> {
        let directory = self.run.directory();
        make_directory(directory).map_err(self.trouble())?;
        artifact::place(spec.artifact.as_ref(), &directory.join(FILES))?;
        let port = match self.port()? {
            Some(port) => port,
            None => self.reserve_port()?,
        };
        let run = self.run_spec(spec).map_err(self.trouble())?;
        self.run.prepare(&run).map_err(self.trouble())?;
        Ok(port)
    }

    /// Makes an instance that nobody stopped ready to run again, with the same port and the same files.
    pub(super) fn renew(&self, spec: &InstanceSpec) -> Result<u16, TargetError> {
        let Some(port) = self.port()? else {
            return Err(TargetError::Unavailable(format!(
                "instance {} has lost its port; stop it and start it anew",
                self.key
            )));
        };
        let run = self.run_spec(spec).map_err(self.trouble())?;
        self.run.renew(&run).map_err(self.trouble())?;
        Ok(port)
    }

    /// Whether it never got to work because somebody else has its port.
    pub(super) fn is_shut_out(&self, condition: &Condition) -> bool {
        match (condition, self.record()) {
            (
                Condition::Running(Some(state)),
                Ok(Some(Record {
                    port,
                    answered: false,
                })),
            ) => matches!(ports::listener(port, state.shim), Listener::Other(..)),
            _ => false,
        }
    }

    /// Gives its port up for another one.
    pub(super) fn choose_another_port(&self) -> Result<(), TargetError> {
        let before = self.port()?;
        self.reserve_port()?;
        if let Some(port) = before {
            self.places.ports.release(port, self.run.directory());
        }
        Ok(())
    }

    fn reserve_port(&self) -> Result<u16, TargetError> {
        let port = self.places.ports.reserve(self.run.directory());
        let port = port.map_err(self.trouble())?;
        self.write(&Record {
            port,
            answered: false,
        })?;
        Ok(port)
    }

    fn run_spec(&self, spec: &InstanceSpec) -> io::Result<Spec> {
        Ok(Spec::service(
            Program::Shell(spec.command.clone()),
            std::path::absolute(self.run.directory())?.join(FILES),
            spec.stop_within,
        ))
    }

    /// Removes everything but the output; `false` when a shim has it after all.
    pub(super) fn clear_away(&self) -> Result<bool, TargetError> {
        let port = self.port()?;
        let Some(aside) = self.run.put_aside().map_err(self.trouble())? else {
            return Ok(false);
        };
        history::keep(
            &self.places.old,
            self.key.as_str(),
            &aside.join(files::OUTPUT),
        )
        .map_err(self.trouble())?;
        if let Some(port) = port {
            self.places.ports.release(port, self.run.directory());
        }
        Run::remove_put_aside(&aside).map_err(self.trouble())?;
        Ok(true)
    }
}
