//! The rooms, and a line of its own from each process to each service.

use testkit::{
    Mode, Proxy, Service, Share, TestBroker, TestBucket, TestDatabase, TestRedis, Variables, free_port,
    services, workspace_root,
};

use super::plan::Fault;

/// The longest ladder that a run has time for.
pub const RETRY_DELAYS: [u64; 3] = [1, 2, 4];
/// Connections to PostgreSQL of one api, its listener aside.
pub const POOL_SIZE: usize = 6;
/// Settings that only later versions know, with the values for a run: nothing is repaired by being asked again, so
/// that a lost job shows as a loss, and what is left in the bucket goes soon.
const OPTIONAL_SETTINGS: [(&str, &str, &str); 3] = [
    ("stuck_after", "PMS__IMAGES__STUCK_AFTER", "24h"),
    ("reconcile_every", "PMS__IMAGES__RECONCILE_EVERY", "2s"),
    ("orphan_age", "PMS__IMAGES__ORPHAN_AGE", "5s"),
];

/// One of the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// An api.
    Api(usize),
    /// A worker.
    Worker(usize),
}

impl Slot {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Api(0), Self::Api(1), Self::Worker(0), Self::Worker(1)];

    /// As it is shown.
    pub fn name(self) -> String {
        match self {
            Self::Api(number) => format!("api-{number}"),
            Self::Worker(number) => format!("worker-{number}"),
        }
    }

    fn number(self) -> usize {
        match self {
            Self::Api(number) | Self::Worker(number) => number,
        }
    }
}

struct Line {
    slot: Slot,
    service: Service,
    proxy: Proxy,
}

/// Rooms and lines.
pub struct Stage {
    /// Where products are.
    pub database: TestDatabase,
    /// Where messages are.
    pub broker: TestBroker,
    /// Where variants are.
    pub bucket: TestBucket,
    /// Where copies of products are.
    pub redis: TestRedis,
    lines: Vec<Line>,
    ports: [u16; 2],
    optional: Variables,
}

impl Stage {
    /// Makes rooms and lines.
    pub async fn prepare() -> Self {
        let broker = TestBroker::create().await;
        broker.delete_retry_queues_at_the_end(&RETRY_DELAYS.map(std::time::Duration::from_secs));
        let mut stage = Self {
            database: TestDatabase::create().await,
            broker,
            bucket: TestBucket::create().await,
            redis: TestRedis::create(),
            lines: Vec::new(),
            ports: [free_port(), free_port()],
            optional: optional_settings(),
        };
        for slot in Slot::ALL {
            for service in Service::ALL {
                let target = stage.address_of(service);
                let proxy = Proxy::start(target).await;
                stage.lines.push(Line { slot, service, proxy });
            }
        }
        stage
    }

    /// The address of an api, without a path.
    pub fn api(&self, number: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[number])
    }

    /// What a process is told: its own lines instead of the services.
    pub fn settings(&self, slot: Slot) -> Variables {
        let mut settings = self.direct_settings();
        for line in self.lines.iter().filter(|line| line.slot == slot) {
            let port = line.proxy.address().port().to_string();
            let setting = match line.service {
                Service::Postgres => ("PMS__DATABASE__PORT", port),
                Service::Redis => ("PMS__REDIS__PORT", port),
                Service::RabbitMq => ("PMS__RABBITMQ__PORT", port),
                Service::S3 => ("PMS__AWS__ENDPOINT", format!("http://127.0.0.1:{port}")),
            };
            settings.push((setting.0.to_owned(), setting.1));
        }
        if let Slot::Api(number) = slot {
            settings.push(("PMS__SERVER__PORT".to_owned(), self.ports[number].to_string()));
        }
        settings
    }

    /// What an operator's command is told: the services themselves.
    pub fn direct_settings(&self) -> Variables {
        let rooms = [
            self.database.settings(),
            self.broker.settings(),
            self.redis.settings(),
            self.bucket.settings(),
        ];
        let delays = RETRY_DELAYS.map(|delay| format!("{delay}s")).join(", ");
        let bucket = format!("{}/{}", services().s3_endpoint, self.bucket.name());
        let own = [
            ("PMS__SERVER__ADMIN_PORT", "0".to_owned()),
            ("PMS__SERVER__REQUEST_TIMEOUT", "10s".to_owned()),
            ("PMS__DATABASE__POOL_SIZE", POOL_SIZE.to_string()),
            ("PMS__RABBITMQ__RETRY_DELAYS", format!("[{delays}]")),
            // The same from every process, whichever line it has.
            ("PMS__AWS__PUBLIC_BASE_URL", bucket),
            ("PMS__AWS__REQUEST_TIMEOUT", "5s".to_owned()),
            ("PMS__IMAGES__ALLOWED_NETWORKS", "[127.0.0.0/8]".to_owned()),
            ("PMS__IMAGES__ALLOWED_PORTS", "[]".to_owned()),
            ("PMS__IMAGES__IDLE_TIMEOUT", "3s".to_owned()),
            ("PMS__IMAGES__TOTAL_TIMEOUT", "10s".to_owned()),
            (
                "PMS__IMAGES__VARIANTS",
                "[{name: thumbnail, longest_edge: 16}]".to_owned(),
            ),
            ("PMS__WORKER__CONCURRENCY", "6".to_owned()),
            ("PMS__SHUTDOWN__GRACE", "10s".to_owned()),
            ("PMS__LOGGING__FORMAT", "json".to_owned()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value)).to_vec();
        [rooms.concat(), own, self.optional.clone()].concat()
    }

    /// Lets the lines that a fault is about do something.
    pub fn disturb(&self, fault: &Fault, share: Share, mode: Mode) {
        for line in &self.lines {
            let is_meant = Some(line.service) == fault.target.service()
                && (!fault.one_line || line.slot.number() == fault.slot);
            if is_meant {
                line.proxy.set_for(share, mode);
            }
        }
    }

    /// Lets the lines to a service pass again.
    pub fn calm(&self, service: Service) {
        for line in self.lines.iter().filter(|line| line.service == service) {
            line.proxy.set(Mode::Pass);
        }
    }

    fn address_of(&self, service: Service) -> String {
        let url = |text: &str| {
            let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
            let host = rest.rsplit('@').next().unwrap_or(rest);
            host.split('/').next().unwrap_or(host).to_owned()
        };
        match service {
            Service::Postgres => url(self.database.url()),
            Service::Redis => format!("{}:{}", self.redis.host, self.redis.port),
            Service::RabbitMq => format!("{}:{}", self.broker.host, self.broker.port),
            Service::S3 => url(&services().s3_endpoint),
        }
    }
}

/// A process refuses to start with a setting that it does not know.
fn optional_settings() -> Variables {
    let known = std::fs::read_to_string(workspace_root().join("config/default.yaml")).unwrap_or_default();
    OPTIONAL_SETTINGS
        .iter()
        .filter(|(key, ..)| known.contains(&format!("\n  {key}:")))
        .map(|(_, name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
