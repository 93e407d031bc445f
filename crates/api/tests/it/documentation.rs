//! The description of the API, and its pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    app::TestApp,
    contract::{Contract, contract},
};

/// The checked-in description, for those who read it without a server.
const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

/// `UPDATE_OPENAPI=1` writes it anew.
#[test]
fn the_checked_in_description_is_current() {
    let current = api::http::document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(CHECKED_IN, &current).unwrap();
    }
    let checked_in = std::fs::read_to_string(CHECKED_IN).unwrap_or_default();
    assert!(
        checked_in == current,
        "docs/openapi.json is not what the code describes; write it with UPDATE_OPENAPI=1 cargo test -p api --test it description"
    );
}

/// The bodies of an operation: what each is, and how it is described.
fn bodies<'a>(contract: &'a Contract, operation: &'a Value) -> Vec<(String, &'a Value)> {
    let contents = |what: &str, content: &'a Value| -> Vec<(String, &'a Value)> {
        let kinds = content["content"].as_object().into_iter().flatten();
        kinds
            .map(|(kind, body)| (format!("{what} as {kind}"), body))
            .collect()
    };
    let mut bodies = contents("request", contract.resolve(&operation["requestBody"]));
    for (status, answer) in operation["responses"].as_object().unwrap() {
        bodies.extend(contents(status, contract.resolve(answer)));
    }
    bodies
}

fn is_one_json_text(what: &str) -> bool {
    what.ends_with("/json") || what.ends_with("+json")
}

#[test]
fn every_body_has_examples_and_they_are_as_described() {
    let contract = contract();
    for (method, path, operation) in contract.operations() {
        let name = &operation["operationId"];
        for (what, body) in bodies(contract, operation) {
            if !is_one_json_text(&what) {
                continue;
            }
            let named = body["examples"]
                .as_object()
                .into_iter()
                .flat_map(|all| all.values());
            let named = named.map(|example| &contract.resolve(example)["value"]);
            let examples: Vec<&Value> = named.chain(body.get("example")).collect();
            assert!(
                !examples.is_empty(),
                "{method} {path} ({name}), {what}: give {} an example in http/documentation/examples.rs",
                body["schema"]
            );
            for example in examples {
                let faults = contract.faults(&body["schema"], example);
                assert!(
                    faults.is_empty(),
                    "{method} {path}, {what}: {faults:#?}\n{example:#}"
                );
            }
        }
    }
}

#[test]
fn every_example_of_a_field_is_as_described() {
    let contract = contract();
    let mut seen = 0;
    for (name, schema) in contract.document["components"]["schemas"].as_object().unwrap() {
        let properties = schema["properties"].as_object().into_iter().flatten();
        for (property, described) in properties.filter(|(_, described)| described["example"] != Value::Null) {
            let faults = contract.faults(described, &described["example"]);
            assert!(faults.is_empty(), "{name}.{property}: {faults:?}");
            seen += 1;
        }
    }
    assert!(seen > 10);
}

#[test]
fn every_reference_refers_to_something() {
    fn follow(contract: &Contract, value: &Value) -> usize {
        match value {
            Value::Object(members) => {
                contract.resolve(value);
                let own = usize::from(members.contains_key("$ref"));
                own + members
                    .values()
                    .map(|member| follow(contract, member))
                    .sum::<usize>()
            }
            Value::Array(items) => items.iter().map(|item| follow(contract, item)).sum(),
            _ => 0,
        }
    }
    let contract = contract();
    assert!(follow(contract, &contract.document) > 100);
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for (method, path, operation) in contract().operations() {
        let name = operation["operationId"].as_str().unwrap();
        assert!(
            names.insert(name),
            "{method} {path}: {name} is taken; set `operation_id`"
        );
    }
}

#[test]
fn every_link_leads_somewhere_with_all_that_is_needed_there() {
    let contract = contract();
    let mut seen = 0;
    for (_, path, operation) in contract.operations() {
        for answer in operation["responses"].as_object().unwrap().values() {
            for (name, link) in answer["links"].as_object().into_iter().flatten() {
                let mut operations = contract.operations();
                let (.., target) = operations
                    .find(|(.., target)| target["operationId"] == link["operationId"])
                    .unwrap();
                let parameters = contract.parameters(target);
                for given in link["parameters"].as_object().unwrap().keys() {
                    assert!(
                        parameters.iter().any(|parameter| parameter["name"] == *given),
                        "{path}, {name}: {given}"
                    );
                }
                for needed in parameters
                    .iter()
                    .filter(|parameter| parameter["required"] == true)
                {
                    let needed = needed["name"].as_str().unwrap();
                    assert!(
                        link["parameters"].get(needed).is_some(),
                        "{path}, {name}: {needed}"
                    );
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 20);
    // Whoever has created something knows everything that can be done with it.
    let created = &contract.document["paths"]["/api/v1/products"]["post"]["responses"]["201"]["links"];
    for next in ["readProduct", "updateProduct", "deleteProduct"] {
        assert_eq!(created[next]["parameters"]["id"], "$response.body#/id", "{next}");
    }
}

#[test]
fn every_post_may_be_repeated_with_a_key() {
    let contract = contract();
    let mut seen = 0;
    for (method, path, operation) in contract.operations().filter(|(method, ..)| method == "POST") {
        let parameters = contract.parameters(operation);
        let is_key = |parameter: &&Value| parameter["name"] == "Idempotency-Key";
        assert!(
            parameters.iter().any(is_key),
            "{method} {path} takes no Idempotency-Key"
        );
        seen += 1;
    }
    assert!(seen > 7, "{seen}");
}

#[test]
fn what_callers_send_is_bounded_and_holds_nothing_unknown() {
    let contract = contract();
    for (method, path, operation) in contract.operations() {
        for (what, body) in bodies(contract, operation) {
            if what.starts_with("request") && is_one_json_text(&what) {
                let schema = contract.resolve(&body["schema"]);
                assert_eq!(schema["additionalProperties"], false, "{method} {path}, {what}");
                for (name, property) in schema["properties"].as_object().unwrap() {
                    assert_bounded(contract, property, &format!("{method} {path}, {what}, {name}"));
                }
            }
        }
        for parameter in contract.parameters(operation) {
            let place = format!("{method} {path}, {}", parameter["name"]);
            assert!(parameter["description"].is_string(), "{place} says nothing");
            // The page would fill it in for whoever tries an operation out.
            assert!(parameter.get("example").is_none(), "{place} has an example");
        }
    }
}

/// A text is bounded by its length, its words, its format or its pattern.
fn assert_bounded(contract: &Contract, schema: &Value, place: &str) {
    let schema = contract.resolve(schema);
    let bounds = ["maxLength", "enum", "format", "pattern"];
    let is_text = schema["type"] == "string" || schema["type"] == json!(["string", "null"]);
    assert!(
        !is_text || bounds.iter().any(|bound| schema.get(bound).is_some()),
        "{place} is not bounded"
    );
    for inner in schema["oneOf"].as_array().into_iter().flatten() {
        assert_bounded(contract, inner, place);
    }
    if schema["items"].is_object() {
        assert_bounded(contract, &schema["items"], place);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served_and_its_page_needs_no_network() {
    let app = TestApp::start().await;
    let description = app.get("/openapi.json").await;
    assert_eq!(
        (description.status, &description.body["openapi"]),
        (200, &json!("3.1.0"))
    );
    assert_eq!(app.get("/docs").await.header("location"), "/docs/");
    let mut pages = vec![
        "/docs/".to_owned(),
        "/problems".to_owned(),
        "/problems/not-found".to_owned(),
    ];
    let mut seen = 0;
    while let Some(address) = pages.pop() {
        let page = app.get(&address).await;
        assert_eq!(page.status, 200, "{address}");
        let is_page = page.header("content-type").starts_with("text/html");
        let is_style = page.header("content-type").starts_with("text/css");
        if is_page {
            for load in ["src=\"http", "href=\"http", "src=\"//", "href=\"//", "@import"] {
                assert!(!page.text.contains(load), "{address} has {load}");
            }
            let loads = page
                .text
                .split('"')
                .filter_map(|text| text.strip_prefix("./"))
                .map(|asset| format!("/docs/{asset}"));
            pages.extend(loads);
        }
        if is_style {
            for load in ["url(http", "url(\"http", "url(//", "@import"] {
                assert!(!page.text.contains(load), "{address} has {load}");
            }
        }
        seen += 1;
    }
    assert!(seen > 6, "{seen}");
    // What the page is told to show lies here as well.
    let begin = app.get("/docs/swagger-initializer.js").await.text;
    assert!(
        begin.contains("/openapi.json") && !begin.contains("http"),
        "{begin}"
    );
}
