//! What an instance is started from: the artifact in the store, the pinned configuration, the launch of its plan.

use towpath_core::{
    Digest,
    names::{EnvironmentName, ServiceName},
    path::{Release, ServiceLaunch},
    target::{Artifact, InstanceKey, InstanceSpec},
};

use super::{Engine, variables};

impl Engine {
    /// Everything needed to start an instance of a release's service, now or again later.
    pub(super) fn instance_spec(
        &self,
        key: &InstanceKey,
        environment: &EnvironmentName,
        service: &ServiceName,
        launch: &ServiceLaunch,
        release: &Release,
        config: &Digest,
    ) -> Result<InstanceSpec, String> {
        let artifact = match launch.artifact {
            false => None,
            true => Some(self.artifact_of(service, release)?),
        };
        let variables = variables::read(&self.home, config)?;
        Ok(InstanceSpec {
            key: key.clone(),
            service: service.clone(),
            environment: environment.clone(),
            artifact,
            command: launch.start.clone(),
            variables: variables::with_place(variables, environment, release),
            stop_within: launch.stop_within,
            secrets: [].into(),
            credentials: [].into(),
        })
    }

    fn artifact_of(&self, service: &ServiceName, release: &Release) -> Result<Artifact, String> {
        let built = release.artifacts.as_ref().and_then(|all| all.get(service));
        let built =
            built.ok_or_else(|| format!("{} has no artifact for {service}", release.number))?;
        Ok(Artifact {
            digest: built.digest,
            stored_at: self.artifact_path(&built.digest),
            file_name: built.file_name.clone(),
            is_directory: built.directory,
        })
    }
}
