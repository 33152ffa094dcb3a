//! What every driver of `Target` must do: each function here is a promise, and panics when it is broken.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use towpath_core::{
    manifest::HealthCheck,
    names::{EnvironmentName, ReleaseNumber, ServiceName},
    target::{BoxFuture, Health, InstanceKey, InstanceSpec, Observed, Route, Target, TargetError},
};

/// Longer than anything takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the suite needs to know of a place beside its driver.
pub trait Fixture: Send + Sync {
    /// A command and its artifact's variables for a service that is well: it answers `GET /healthz` with 200.
    fn well(&self) -> Program;

    /// One that runs and answers `GET /healthz` with 503.
    fn sick(&self) -> Program;

    /// One that ends right away, over and over, with status 3.
    fn dying(&self) -> Program;

    /// One that is well, starts a process in a session of its own, and ignores being asked to end, as that process does.
    fn stubborn(&self) -> Program;

    /// Kills an instance behind the driver's back.
    fn kill<'a>(&'a self, key: &'a InstanceKey) -> BoxFuture<'a, ()>;

    /// How many processes of an instance there are, whatever the driver says.
    fn processes(&self, key: &InstanceKey) -> usize;

    /// Which instance answers at an address, if any does.
    fn who(&self, address: SocketAddr) -> BoxFuture<'_, Option<InstanceKey>>;
}

/// A program of a fixture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// The command line.
    pub command: String,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
}

/// Runs the whole suite. It uses environments whose names begin with `conform`, and leaves nothing behind.
pub async fn conformance(target: &dyn Target, fixture: &dyn Fixture) {
    let suite = Suite { target, fixture };
    suite.what_was_never_started().await;
    suite.a_start_happens_once().await;
    suite.sickness_has_a_reason().await;
    suite.an_end_is_seen().await;
    suite.a_killed_instance_keeps_its_address().await;
    suite.traffic_moves_at_once_and_forwards_only().await;
    suite.half_a_switch_is_none().await;
    suite.a_stop_is_verified().await;
    suite.environments_are_apart().await;
}

struct Suite<'a> {
    target: &'a dyn Target,
    fixture: &'a dyn Fixture,
}

fn environment(name: &str) -> EnvironmentName {
    name.parse().expect("the suite's names are valid")
}

fn service(name: &str) -> ServiceName {
    name.parse().expect("the suite's names are valid")
}

fn key(environment_name: &str, release: u32) -> InstanceKey {
    InstanceKey::new(
        &environment(environment_name),
        &service("web"),
        ReleaseNumber(release),
        "d1",
        0,
    )
}

fn health() -> HealthCheck {
    HealthCheck {
        path: Some("/healthz".into()),
        within: PATIENCE,
    }
}

fn route(release: u32, instances: &[InstanceKey]) -> Route {
    Route {
        service: service("web"),
        listen: None,
        release: ReleaseNumber(release),
        instances: instances.to_vec(),
    }
}

impl Suite<'_> {
    fn spec(&self, key: &InstanceKey, program: Program) -> InstanceSpec {
        let name = key.as_str().split('.').next().unwrap_or_default();
        let mut variables = program.variables;
        variables.insert("INSTANCE".into(), key.to_string());
        InstanceSpec {
            key: key.clone(),
            service: service("web"),
            environment: environment(name),
            artifact: None,
            command: program.command,
            variables,
            stop_within: Duration::from_millis(300),
            secrets: BTreeMap::new(),
            credentials: BTreeMap::new(),
        }
    }

    async fn start(&self, key: &InstanceKey, program: Program) -> InstanceSpec {
        let spec = self.spec(key, program);
        self.target.start(&spec).await.expect("it starts");
        spec
    }

    async fn start_well(&self, key: &InstanceKey) -> InstanceSpec {
        let spec = self.start(key, self.fixture.well()).await;
        self.becomes_healthy(key).await;
        spec
    }

    async fn becomes_healthy(&self, key: &InstanceKey) {
        self.until("it is healthy", async || {
            self.check(key).await == Health::Healthy
        })
        .await;
    }

    async fn until(&self, what: &str, mut look: impl AsyncFnMut() -> bool) {
        let waiting = async {
            while !look().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("waited in vain until {what}"));
    }

    async fn check(&self, key: &InstanceKey) -> Health {
        let health = health();
        self.target.check(key, &health).await.expect("it is asked")
    }

    async fn observe(&self, key: &InstanceKey) -> Observed {
        self.target.observe(key).await.expect("it is observed")
    }

    async fn running(&self, key: &InstanceKey) -> (SocketAddr, u32) {
        match self.observe(key).await {
            Observed::Running { address, restarts } => (address, restarts),
            other => panic!("{key} should run: {other:?}"),
        }
    }

    async fn stop(&self, key: &InstanceKey) {
        self.target.stop(key).await.expect("it stops");
        assert_eq!(self.observe(key).await, Observed::Absent);
        assert_eq!(
            self.fixture.processes(key),
            0,
            "{key} left processes behind"
        );
    }

    async fn what_was_never_started(&self) {
        let key = key("conform", 1);
        assert_eq!(self.observe(&key).await, Observed::Absent);
        assert!(matches!(self.check(&key).await, Health::Unhealthy(_)));
        self.stop(&key).await;
        let environment = environment("conform");
        assert_eq!(self.target.instances(&environment).await, Ok(Vec::new()));
        assert_eq!(self.target.traffic(&environment).await, Ok(Vec::new()));
    }

    async fn a_start_happens_once(&self) {
        let key = key("conform", 1);
        let spec = self.spec(&key, self.fixture.well());
        let (one, two) = tokio::join!(self.target.start(&spec), self.target.start(&spec));
        assert_eq!((one, two), (Ok(()), Ok(())));
        self.becomes_healthy(&key).await;
        let before = self.running(&key).await;
        let processes = self.fixture.processes(&key);
        self.target.start(&spec).await.expect("it starts");
        assert_eq!(self.running(&key).await, before);
        assert_eq!(self.fixture.processes(&key), processes);
        assert_eq!(self.fixture.who(before.0).await, Some(key.clone()));
        self.stop(&key).await;
        assert_eq!(self.fixture.who(before.0).await, None);
    }

    async fn sickness_has_a_reason(&self) {
        let key = key("conform", 2);
        self.start(&key, self.fixture.sick()).await;
        self.until("the status is told", async || {
            match self.check(&key).await {
                Health::Healthy => panic!("{key} is sick"),
                Health::Unhealthy(why) => why.contains("503"),
            }
        })
        .await;
        self.running(&key).await;
        self.stop(&key).await;
    }

    async fn an_end_is_seen(&self) {
        let key = key("conform", 3);
        self.start(&key, self.fixture.dying()).await;
        self.until("its end is seen", async || {
            assert!(matches!(self.check(&key).await, Health::Unhealthy(_)));
            match self.observe(&key).await {
                Observed::Absent => panic!("{key} was started"),
                Observed::Running { restarts, .. } => restarts > 0,
                Observed::Exited { status, .. } => status.contains('3'),
            }
        })
        .await;
        self.stop(&key).await;
    }

    async fn a_killed_instance_keeps_its_address(&self) {
        let key = key("conform", 4);
        self.start_well(&key).await;
        let (address, restarts) = self.running(&key).await;
        self.fixture.kill(&key).await;
        self.until("it is back", async || match self.observe(&key).await {
            Observed::Running {
                address: now,
                restarts: count,
            } => {
                assert_eq!(now, address);
                count > restarts
            }
            other => panic!("{key} should come back: {other:?}"),
        })
        .await;
        self.becomes_healthy(&key).await;
        assert_eq!(self.fixture.who(address).await, Some(key.clone()));
        self.stop(&key).await;
    }

    async fn traffic_moves_at_once_and_forwards_only(&self) {
        let name = environment("conform-traffic");
        let (one, two) = (key("conform-traffic", 1), key("conform-traffic", 2));
        self.start_well(&one).await;
        self.start_well(&two).await;
        let to_one = [route(1, std::slice::from_ref(&one))];
        let to_two = [route(2, std::slice::from_ref(&two))];

        let first = self.target.route(&name, &to_one, 1).await.expect("fence 1");
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].instances, std::slice::from_ref(&one));
        assert_eq!(first[0].release, ReleaseNumber(1));
        let listen = first[0].listen;
        assert_eq!(self.fixture.who(listen).await, Some(one.clone()));

        let second = self.target.route(&name, &to_two, 2).await.expect("fence 2");
        assert_eq!(second[0].listen, listen, "users keep their address");
        assert_eq!(self.fixture.who(listen).await, Some(two.clone()));

        let late = self.target.route(&name, &to_one, 1).await;
        let fenced = TargetError::Fenced {
            current: 2,
            ours: 1,
        };
        assert_eq!(late, Err(fenced));
        assert_eq!(self.fixture.who(listen).await, Some(two.clone()));

        // After a crash the same is asked once more, and found done.
        self.target.route(&name, &to_two, 2).await.expect("fence 2");
        let now = self.target.traffic(&name).await.expect("traffic");
        assert_eq!((now.len(), &now[0].instances), (1, &vec![two.clone()]));

        self.target
            .route(&name, &[route(2, &[])], 3)
            .await
            .expect("fence 3");
        assert_eq!(self.fixture.who(listen).await, None);
        self.stop(&one).await;
        self.stop(&two).await;
    }

    async fn half_a_switch_is_none(&self) {
        let name = environment("conform-half");
        let (one, two) = (key("conform-half", 1), key("conform-half", 2));
        let missing = key("conform-half", 9);
        self.start_well(&one).await;
        self.start_well(&two).await;
        let both = |web: &InstanceKey, api: &InstanceKey| {
            let mut second = route(1, std::slice::from_ref(api));
            second.service = service("api");
            [route(1, std::slice::from_ref(web)), second]
        };
        let routed = self.target.route(&name, &both(&one, &one), 1).await;
        let routed = routed.expect("fence 1");
        assert_eq!(routed.len(), 2);
        let refused = self.target.route(&name, &both(&two, &missing), 2).await;
        assert!(
            matches!(refused, Err(TargetError::Invalid(_))),
            "{refused:?}"
        );
        for traffic in &routed {
            assert_eq!(self.fixture.who(traffic.listen).await, Some(one.clone()));
        }
        self.target
            .route(&name, &both(&two, &two), 1)
            .await
            .expect("a switch that failed leaves no fence behind");
        for traffic in &routed {
            assert_eq!(self.fixture.who(traffic.listen).await, Some(two.clone()));
        }
        self.stop(&one).await;
        self.stop(&two).await;
    }

    async fn a_stop_is_verified(&self) {
        let key = key("conform", 5);
        self.start(&key, self.fixture.stubborn()).await;
        self.becomes_healthy(&key).await;
        self.stop(&key).await;
        self.stop(&key).await;
        // Stopped is not forbidden: the same key can be started anew.
        self.start_well(&key).await;
        self.stop(&key).await;
    }

    async fn environments_are_apart(&self) {
        let (short, long) = (key("conform", 6), key("conform-more", 6));
        self.start(&short, self.fixture.well()).await;
        self.start(&long, self.fixture.well()).await;
        for key in [&short, &long] {
            let name = environment(key.as_str().split('.').next().unwrap_or_default());
            let listed = self.target.instances(&name).await;
            assert_eq!(listed, Ok(vec![key.clone()]));
            self.stop(key).await;
            assert_eq!(self.target.instances(&name).await, Ok(Vec::new()));
        }
    }
}
