//! No account sees or changes what is another's: every operation of the description, with every identifier and every
//! filter. An operation, a path parameter or a filter that is new here fails this test until its line is in the tables.

use domain::Scope;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    access::Guarded,
    app::Answer,
    contract::{Contract, contract},
};

/// Stands in every text of the victim, and nowhere else.
const MARK: &str = "Victim7c55a2c0";
const PRODUCTS: &str = "/api/v1/products";
const ENDPOINTS: &str = "/api/v1/webhook-endpoints";
const KEY_OF_BOTH: &str = "the-same-key-in-both-accounts";

/// What an operation is sent, where it takes a body; none where the operation is not known here.
fn body_of(method: &str, path: &str) -> Option<Sent> {
    let path = path.strip_prefix("/api/v1")?;
    let product =
        json!({"name": "Mug", "sku": format!("{MARK}-1"), "price": {"amount": "1.00", "currency": "EUR"}});
    let picture = json!({"source_url": "https://example.com/a.jpg"});
    let endpoint = json!({"url": "https://example.com/hook", "events": ["*"]});
    let sent = match (method, path) {
        ("GET" | "HEAD" | "DELETE", _) => Sent::Nothing,
        ("POST", "/products") => Sent::Json(product),
        ("PATCH", "/products/{id}") => Sent::Json(json!({"name": "Taken"})),
        ("POST", "/products/batch") => Sent::Json(json!({"items": [product]})),
        ("POST", "/products/{id}/images") => Sent::Json(picture),
        ("PATCH", "/products/{id}/images/{image_id}") => Sent::Json(json!({"alt": "Taken"})),
        ("POST", "/products/{id}/images/{image_id}/retry") => Sent::Keyed(None),
        ("POST", "/webhook-endpoints") => Sent::Json(endpoint),
        ("PATCH", "/webhook-endpoints/{id}") => Sent::Json(json!({"enabled": false})),
        ("POST", "/webhook-endpoints/{id}/ping") => Sent::Keyed(None),
        ("POST", "/webhook-endpoints/{id}/rotate-secret") => Sent::Keyed(None),
        ("POST", "/webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver") => Sent::Keyed(None),
        _ => return None,
    };
    Some(sent)
}

/// The value of a filter by which the victim's products would be found.
fn filter(shop: &Shop, name: &str) -> Option<Vec<String>> {
    let values = match name {
        "q" | "name" => vec![MARK.to_owned()],
        "sku" => vec![format!("{MARK}-1")],
        "status" => ["draft", "active", "archived"].map(str::to_owned).to_vec(),
        "images_status" => ["none", "pending", "processing", "ready", "partial", "failed"]
            .map(str::to_owned)
            .to_vec(),
        "currency" => vec!["EUR".to_owned()],
        "min_price" => vec!["0".to_owned()],
        "max_price" => vec!["999999".to_owned()],
        "created_after" | "updated_after" => vec!["2000-01-01T00:00:00Z".to_owned()],
        "created_before" | "updated_before" => vec!["2999-01-01T00:00:00Z".to_owned()],
        "sort" => ["-created_at", "updated_at", "price", "-name"]
            .map(str::to_owned)
            .to_vec(),
        "limit" => vec!["100".to_owned()],
        "include_total" => vec!["true".to_owned()],
        "cursor" => vec![shop.cursor.clone()],
        _ => return None,
    };
    Some(values)
}

enum Sent {
    Nothing,
    Json(Value),
    /// With the idempotency key that the other account uses as well, and perhaps a body.
    Keyed(Option<Value>),
}

/// An account with something of everything.
struct Shop {
    bearer: String,
    product: String,
    image: String,
    endpoint: String,
    delivery: String,
    cursor: String,
}

impl Shop {
    async fn open(guarded: &Guarded, account: &str, mark: &str) -> Self {
        let bearer = guarded.key(account, Scope::Admin).await.bearer();
        let mut shop = Self {
            bearer,
            product: String::new(),
            image: String::new(),
            endpoint: String::new(),
            delivery: String::new(),
            cursor: String::new(),
        };
        for number in [1, 2] {
            let body = json!({
                "name": format!("{mark} {number}"), "sku": format!("{mark}-{number}"), "description": mark,
                "price": {"amount": "19.90", "currency": "EUR"}, "metadata": {mark: mark},
                "images": [{"source_url": format!("https://example.com/{mark}.jpg"), "alt": mark}],
            });
            let sent = if number == 1 {
                Sent::Keyed(Some(body))
            } else {
                Sent::Json(body)
            };
            let created = shop.send(guarded, "POST", PRODUCTS, sent).await;
            assert_eq!(created.status, 201, "{}", created.text);
            shop.product = created.id().to_owned();
            shop.image = created.body["images"][0]["id"].as_str().unwrap().to_owned();
        }
        // An address that is not called: it has none.
        let body = json!({"url": format!("https://{mark}.invalid/"), "events": ["*"], "description": mark});
        let created = shop.send(guarded, "POST", ENDPOINTS, Sent::Json(body)).await;
        shop.endpoint = created.id().to_owned();
        let endpoint = format!("{ENDPOINTS}/{}", shop.endpoint);
        let ask = async |path: String| {
            let target = format!("{endpoint}/{path}");
            let answer = shop.send(guarded, "POST", &target, Sent::Keyed(None)).await;
            assert!([200, 202].contains(&answer.status), "{target}: {}", answer.text);
            answer
        };
        // The answers to these are kept, the one with the secret too.
        let delivery = ask("ping".to_owned()).await.id().to_owned();
        ask("rotate-secret".to_owned()).await;
        ask(format!("deliveries/{delivery}/redeliver")).await;
        shop.delivery = delivery;
        let page = shop
            .send(guarded, "GET", &format!("{PRODUCTS}?limit=1"), Sent::Nothing)
            .await;
        shop.cursor = page.body["next_cursor"].as_str().unwrap().to_owned();
        shop
    }

    async fn send(&self, guarded: &Guarded, method: &str, target: &str, sent: Sent) -> Answer {
        let mut headers = vec![("authorization", self.bearer.as_str())];
        if let Sent::Keyed(_) = sent {
            headers.push(("idempotency-key", KEY_OF_BOTH));
        }
        let bytes = match sent {
            Sent::Nothing | Sent::Keyed(None) => Vec::new(),
            Sent::Json(body) | Sent::Keyed(Some(body)) => {
                headers.push(("content-type", "application/json"));
                body.to_string().into_bytes()
            }
        };
        let method = method.parse::<Method>().unwrap();
        guarded.app.send(method, target, &headers, bytes).await
    }

    /// The path with this account's identifiers; none where a parameter is not known here.
    fn fill(&self, path: &str) -> Option<String> {
        let parts = path.split('/').map(|part| {
            let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
                return Some(part);
            };
            match name {
                "id" if path.starts_with(PRODUCTS) => Some(self.product.as_str()),
                "id" if path.starts_with(ENDPOINTS) => Some(self.endpoint.as_str()),
                "image_id" => Some(self.image.as_str()),
                "delivery_id" => Some(self.delivery.as_str()),
                _ => None,
            }
        });
        Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
    }

    /// Everything that the account sees of its own.
    async fn everything(&self, guarded: &Guarded) -> Vec<Value> {
        let mut seen = Vec::new();
        for target in [
            format!("{PRODUCTS}?include_total=true"),
            ENDPOINTS.to_owned(),
            format!("{ENDPOINTS}/{}/deliveries", self.endpoint),
        ] {
            let mut page = self.send(guarded, "GET", &target, Sent::Nothing).await.body;
            for item in page["data"].as_array_mut().unwrap() {
                // The ping may be tried meanwhile, which is the account's own doing.
                for own in ["attempts", "status", "next_attempt_at", "ended_at"] {
                    if item["event"].is_string() {
                        item[own] = Value::Null;
                    }
                }
            }
            seen.push(page);
        }
        seen
    }
}

/// What comes for ever is looked at by the tests of its own.
fn is_stream(operation: &Value) -> bool {
    operation["responses"]["200"]["content"]["text/event-stream"].is_object()
}

fn assert_shows_nothing(what: &str, answer: &Answer, victim: &Shop) {
    let mut body = answer.body.clone();
    // A problem repeats the path that was asked for.
    if let Some(problem) = body
        .as_object_mut()
        .filter(|body| body.contains_key("request_id"))
    {
        problem.remove("instance");
    }
    let text = if body.is_null() {
        answer.text.clone()
    } else {
        body.to_string()
    };
    // The intruder sends this sku itself.
    let text = text.replace(&format!("{MARK}-1"), "");
    for secret in [
        MARK,
        &victim.product,
        &victim.image,
        &victim.endpoint,
        &victim.delivery,
    ] {
        assert!(!text.contains(secret), "{what} shows {secret}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_shows_or_changes_what_belongs_to_another_account() {
    let guarded = Guarded::start().await;
    let contract = contract();
    let victim = Shop::open(&guarded, "victim", MARK).await;
    let intruder = Shop::open(&guarded, "intruder", "Intruder").await;
    let before = victim.everything(&guarded).await;
    let operations: Vec<_> = contract
        .operations()
        .filter(|(_, path, _)| path.starts_with("/api/"))
        .collect();
    assert!(operations.len() > 15);

    for (method, path, operation) in &operations {
        let what = format!("{method} {path}");
        assert!(
            body_of(method, path).is_some(),
            "{what} is new: say in `body_of` of tests/it/tenancy.rs what it is sent"
        );
        if path.contains('{') {
            intrude(&guarded, (method, path), &intruder, &victim).await;
        } else if method == "GET" && is_stream(operation) {
            // Held to it by `accounts_hear_nothing_of_each_other`.
            assert_eq!(
                *path, "/api/v1/events",
                "{what} is a stream that is new: see that it tells nobody else's"
            );
        } else if method == "GET" {
            search(&guarded, contract, (path, operation), &intruder, &victim).await;
        } else if method == "POST" {
            let answer = intruder
                .send(&guarded, method, path, body_of(method, path).unwrap())
                .await;
            // It may use the same sku and the same idempotency key as the victim, or is told of its own use of it.
            assert!(
                [200, 201, 409, 422].contains(&answer.status),
                "{what}: {}",
                answer.text
            );
            assert_shows_nothing(&what, &answer, &victim);
        }
    }
    assert_eq!(victim.everything(&guarded).await, before);
    // All of it is there for its owner, so that a 404 above was not the answer to a wrong address.
    assert_open(&guarded, operations, &victim).await;
}

/// Asks for the victim's, with all of its identifiers, and with one's own in the place of the first.
async fn intrude(guarded: &Guarded, (method, path): (&str, &str), intruder: &Shop, victim: &Shop) {
    let what = format!("{method} {path}");
    let filled = victim.fill(path).unwrap_or_else(|| {
        panic!(
            "{what} has a path parameter that is new: give it a value in `Shop::fill` of tests/it/tenancy.rs"
        )
    });
    let mut targets = vec![filled.clone()];
    if path.matches('{').count() > 1 {
        let first = path.find('}').unwrap() + 1;
        let own = intruder.fill(&path[..first]).unwrap();
        let rest: Vec<&str> = filled.split('/').skip(own.split('/').count()).collect();
        targets.push(format!("{own}/{}", rest.join("/")));
    }
    for target in targets {
        let sent = body_of(method, path).unwrap();
        let answer = intruder.send(guarded, method, &target, sent).await;
        assert_eq!(answer.status, 404, "{what}, {target}: {}", answer.text);
        assert_shows_nothing(&what, &answer, victim);
    }
}

/// Lists with each filter in turn, by values that fit the victim's.
async fn search(
    guarded: &Guarded,
    contract: &Contract,
    (path, operation): (&str, &Value),
    intruder: &Shop,
    victim: &Shop,
) {
    let plain = intruder.send(guarded, "GET", path, Sent::Nothing).await;
    assert_eq!(plain.status, 200, "{path}: {}", plain.text);
    assert_shows_nothing(path, &plain, victim);
    let parameters = contract.parameters(operation);
    for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query") {
        let name = parameter["name"].as_str().unwrap();
        let values = filter(victim, name).unwrap_or_else(|| {
            panic!("GET {path} has a filter that is new: say in `filter` of tests/it/tenancy.rs what would find the victim's by {name}")
        });
        for value in values {
            let target = format!("{path}?{name}={}", value.replace('+', "%2B"));
            let found = intruder.send(guarded, "GET", &target, Sent::Nothing).await;
            assert_eq!(found.status, 200, "{target}: {}", found.text);
            assert_shows_nothing(&target, &found, victim);
            if name == "include_total" {
                let own = plain.body["data"].as_array().map(Vec::len);
                assert_eq!(
                    found.body["total"].as_u64(),
                    own.map(|own| own as u64),
                    "{target}"
                );
            }
        }
    }
}

/// Carries out every operation as the owner, what destroys last.
async fn assert_open(guarded: &Guarded, mut operations: Vec<(String, &str, &Value)>, owner: &Shop) {
    operations.retain(|(_, path, operation)| path.contains('{') && !is_stream(operation));
    operations.sort_by_key(|(method, path, _)| (method == "DELETE", std::cmp::Reverse(path.len())));
    for (method, path, _) in operations {
        let target = owner.fill(path).unwrap();
        let answer = owner
            .send(guarded, &method, &target, body_of(&method, path).unwrap())
            .await;
        assert_ne!(answer.status, 404, "{method} {path}: {}", answer.text);
        assert!(answer.status < 500, "{method} {path}: {}", answer.text);
    }
}

/// The path with letters written as their numbers, which names the same (RFC 3986, section 6.2.2.2).
fn escaped(path: &str) -> [String; 3] {
    [
        path.replacen("/api/", "/%61pi/", 1),
        path.replace("products", "product%73")
            .replace("webhook-", "webhook%2D"),
        path.replacen("/v1/", "/%761/", 1)
            .replacen("/api/", "/a%70%69/", 1),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_path_is_written_it_needs_the_same_key() {
    let guarded = Guarded::start().await;
    let owner = Shop::open(&guarded, "owner", "Owner").await;
    let mut reader = Shop::open(&guarded, "other", "Other").await;
    reader.bearer = guarded.key("owner", Scope::Read).await.bearer();
    let operations = contract().operations();
    for (method, path, operation) in operations.filter(|(_, path, _)| path.starts_with("/api/")) {
        let filled = owner.fill(path).unwrap();
        for target in escaped(&filled).into_iter().filter(|target| *target != filled) {
            let what = format!("{method} {target}");
            let name = method.parse::<Method>().unwrap();
            let answer = guarded.app.send(name, &target, &[], Vec::new()).await;
            assert_eq!(answer.status, 401, "{what}: {}", answer.text);
            let needs_more = path.contains("webhook") || !matches!(method.as_str(), "GET" | "HEAD");
            if needs_more && !is_stream(operation) {
                let answer = reader.send(&guarded, &method, &target, Sent::Nothing).await;
                assert_eq!(answer.status, 403, "{what}: {}", answer.text);
            }
        }
    }
}
