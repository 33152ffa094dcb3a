//! What an instance is started from: the artifact in the store, the pinned configuration, the launch of its plan.

use towpath_core::{
    Digest,
    names::{EnvironmentName, ServiceName},
    path::{Release, ServiceLaunch},
    target::{Artifact, InstanceKey, InstanceSpec},
};

use super::{Engine, variables::HandoverError};

impl Engine {
    /// Everything needed to start an instance of a release's service, now or again later.
    pub(super) async fn instance_spec(
        &self,
        key: &InstanceKey,
        environment: &EnvironmentName,
        service: &ServiceName,
        launch: &ServiceLaunch,
        release: &Release,
        config: &Digest,
    ) -> Result<InstanceSpec, HandoverError> {
        let artifact = match launch.artifact {
            false => None,
            true => Some(
                self.artifact_of(service, release)
                    .map_err(HandoverError::Damaged)?,
            ),
        };
        let handover = self
            .handover(config, release, environment, Some(service))
            .await?;
        Ok(InstanceSpec {
            key: key.clone(),
            service: service.clone(),
            environment: environment.clone(),
            artifact,
            command: launch.start.clone(),
            variables: handover.variables,
            secrets: handover.secrets,
            credentials: handover.credentials,
            stop_within: launch.stop_within,
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
