//! A connection that tells how the server has carried out each statement.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
};

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use domain::{
    AccountId,
    filter::{Page, PageRequest},
};
use serde_json::Value;
use tokio_postgres::{AsyncMessage, NoTls};

use crate::config::{DatabaseConfig, Purpose};

/// Has the server explain what it does, with the rows that each step really had.
const EXPLAIN: &str = "LOAD 'auto_explain'; SET auto_explain.log_level = notice; \
    SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; SET auto_explain.log_format = json; \
    SET auto_explain.log_min_duration = 0";

/// A connection with the settings of the service, whose statements are explained.
pub(super) struct Watched {
    pub(super) connection: AsyncPgConnection,
    plans: Arc<Mutex<Vec<Value>>>,
}

impl Watched {
    pub(super) async fn open(url: &str) -> Self {
        let config = DatabaseConfig::from_url(url).unwrap();
        let (client, mut line) = tokio_postgres::connect(&config.connection_string(Purpose::Service), NoTls)
            .await
            .unwrap();
        let plans = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&plans);
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| line.poll_message(context)).await {
                if let AsyncMessage::Notice(notice) = message
                    && let Some((_, plan)) = notice.message().split_once("plan:\n")
                {
                    heard.lock().unwrap().push(serde_json::from_str(plan).unwrap());
                }
            }
        });
        let mut connection = AsyncPgConnection::try_from(client).await.unwrap();
        connection.batch_execute(EXPLAIN).await.unwrap();
        Self { connection, plans }
    }

    /// Has statements that are kept be planned for any values, as the server may do after some uses.
    pub(super) async fn forget_values(&self) {
        self.set("plan_cache_mode = force_generic_plan").await;
    }

    /// Has the server decide again.
    pub(super) async fn know_values(&self) {
        self.set("plan_cache_mode = auto").await;
    }

    async fn set(&self, setting: &str) {
        let mut connection = &self.connection;
        connection.batch_execute(&format!("SET {setting}")).await.unwrap();
    }

    /// Reads a page as the service does, and tells how.
    pub(super) async fn page(&self, account: AccountId, request: &PageRequest) -> (Page, Vec<Plan>) {
        self.plans.lock().unwrap().clear();
        let page = super::super::page_load(&self.connection, account, request)
            .await
            .unwrap();
        // The notices of a statement come before its end.
        let plans = self.plans.lock().unwrap().iter().map(Plan::read).collect();
        (page, plans)
    }
}

/// How one statement was carried out.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The steps by their kinds and indexes, the last one first.
    pub(super) steps: String,
    /// Rows of products that were fetched, matching or not.
    pub(super) read: f64,
    /// The most that were sorted at once.
    pub(super) sorted: f64,
    /// True where the whole table was read.
    pub(super) scans_the_table: bool,
}

impl Plan {
    fn read(explained: &Value) -> Self {
        let mut plan = Self::default();
        plan.steps = plan.visit(&explained["Plan"]);
        plan
    }

    fn visit(&mut self, node: &Value) -> String {
        let text = |key: &str| node[key].as_str().unwrap_or_default();
        let number = |key: &str| node[key].as_f64().unwrap_or_default();
        let inner = node["Plans"].as_array().map(Vec::as_slice).unwrap_or_default();
        let kind = text("Node Type");
        if text("Relation Name") == "products" {
            let rows = [
                "Actual Rows",
                "Rows Removed by Filter",
                "Rows Removed by Index Recheck",
            ];
            self.read += rows.into_iter().map(number).sum::<f64>() * number("Actual Loops");
            self.scans_the_table |= kind == "Seq Scan";
        }
        if kind.ends_with("Sort") {
            let sorted = inner[0]["Actual Rows"].as_f64().unwrap_or_default();
            self.sorted = self.sorted.max(sorted);
        }
        let mut step = kind.to_owned();
        if text("Scan Direction") == "Backward" {
            step += " backward";
        }
        let named = [text("Index Name"), text("Relation Name")];
        if let Some(name) = named.into_iter().find(|name| !name.is_empty()) {
            step = format!("{step} {name}");
        }
        // How the images of a product are found is the same everywhere.
        let inner = inner
            .iter()
            .filter(|node| node["Parent Relationship"] != "SubPlan");
        for inner in inner.map(|node| self.visit(node)).collect::<Vec<_>>() {
            step = format!("{step} < {inner}");
        }
        step
    }
}
