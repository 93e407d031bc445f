//! `PATCH /api/v1/products/{id}`.

use serde_json::json;

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_change_shows_at_once_and_raises_the_version() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 2).await.id().to_owned();
    let changed = app
        .patch(
            &id,
            &[],
            json!({"name": "Bowl", "sku": "BOWL-1", "metadata": {"size": "L"}}),
        )
        .await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
    assert_eq!(changed.body["version"], 2);
    assert_eq!(changed.body["images"].as_array().map(Vec::len), Some(2));
    assert_eq!(app.product(&id).await.body, changed.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_changes_nothing_keeps_the_version() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 0).await.id().to_owned();
    for patch in [
        json!({}),
        json!({"name": "Mug"}),
        json!({"sku": null}),
        json!({"price": {"amount": "5"}}),
    ] {
        let answer = app.patch(&id, &[], patch).await;
        assert_eq!((answer.status, &answer.body["version"]), (200, &json!(1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_to_one_version_one_wins_and_the_other_is_told() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 0).await.id().to_owned();
    let change = |name: &str| {
        let body = json!({"name": name});
        let (app, id) = (&app, &id);
        async move { app.patch(id, &[("if-match", "\"1\"")], body).await }
    };
    let (one, other) = tokio::join!(change("One"), change("Other"));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let lost = if one.status == 412 { one } else { other };
    assert_eq!(
        (&lost.body["code"], lost.header("etag")),
        (&json!("precondition_failed"), "\"2\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn if_match_takes_any_version_it_names() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 0).await.id().to_owned();
    let status = async |tags: &str, name: &str| {
        app.patch(&id, &[("if-match", tags)], json!({"name": name}))
            .await
            .status
    };
    assert_eq!(status("\"9\", \"1\"", "A").await, 200);
    assert_eq!(status("*", "B").await, 200);
    assert_eq!(status("W/\"3\"", "C").await, 412);
    assert_eq!(status("3", "C").await, 400);
    assert_eq!(app.product(&id).await.body["name"], "B");
}

#[tokio::test(flavor = "multi_thread")]
async fn if_none_match_keeps_the_versions_it_names_from_being_changed() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 0).await.id().to_owned();
    let status = async |headers: &[(&str, &str)]| {
        let answer = app.patch(&id, headers, json!({"name": "Bowl"})).await;
        answer.status
    };
    assert_eq!(status(&[("if-none-match", "\"1\"")]).await, 412);
    assert_eq!(status(&[("if-none-match", "W/\"1\"")]).await, 412);
    assert_eq!(status(&[("if-none-match", "*")]).await, 412);
    assert_eq!(
        status(&[("if-match", "\"1\""), ("if-none-match", "\"1\"")]).await,
        412
    );
    assert_eq!(app.product(&id).await.body["name"], "Mug");
    assert_eq!(
        status(&[("if-match", "\"1\""), ("if-none-match", "\"2\"")]).await,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_is_judged_before_the_patch_and_after_whether_there_is_a_product() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 0).await.id().to_owned();
    let other = ("if-match", "\"7\"");
    assert_eq!(app.patch(&id, &[other], json!({"name": 1})).await.status, 412);
    assert_eq!(app.delete(&id, &[]).await.status, 204);
    for tags in ["\"7\"", "*"] {
        assert_eq!(
            app.patch(&id, &[("if-match", tags)], json!({"name": "Bowl"}))
                .await
                .status,
            404
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_removes_what_may_be_absent_and_brings_defaults_back() {
    let app = TestApp::start().await;
    let created = app
        .post(json!({
            "name": "Mug", "sku": "MUG-01", "description": "Blue", "status": "draft",
            "price": {"amount": "5", "currency": "EUR"}, "metadata": {"colour": "blue", "size": "L"},
        }))
        .await;
    let changed = async |patch: serde_json::Value| {
        let answer = app.patch(created.id(), &[], patch).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    };
    let body = changed(json!({"metadata": {"colour": null, "absent": null, "glaze": "matt"}})).await;
    assert_eq!(body["metadata"], json!({"size": "L", "glaze": "matt"}));
    let body = changed(json!({"metadata": null, "description": null, "sku": null, "status": null})).await;
    assert_eq!(
        (&body["metadata"], &body["status"]),
        (&json!({}), &json!("active"))
    );
    assert_eq!((&body["description"], &body["sku"]), (&json!(null), &json!(null)));
    let body = changed(json!({"price": {"currency": null}})).await;
    assert_eq!(body["price"], json!({"amount": "5.00", "currency": "USD"}));
    assert_eq!(body["version"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_is_no_object_or_removes_what_must_be_there_is_refused() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 0).await;
    for (patch, pointer) in [
        (json!([]), "#"),
        (json!("Bowl"), "#"),
        (json!(null), "#"),
        (json!({"name": null}), "#/name"),
        (json!({"price": null}), "#/price"),
        (json!({"price": "5"}), "#/price"),
        (json!({"price": {"amount": null}}), "#/price/amount"),
        (json!({"metadata": ["colour"]}), "#/metadata"),
        (
            json!({"metadata": {"colour": {"dark": "blue"}}}),
            "#/metadata/colour",
        ),
    ] {
        let refused = app.patch(created.id(), &[], patch.clone()).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{patch}"
        );
        assert_eq!(
            refused.body["errors"].as_array().map(Vec::len),
            Some(1),
            "{patch}"
        );
    }
    assert_eq!(app.product(created.id()).await.body, created.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_breaks_rules_changes_nothing_and_lists_them_all() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 0).await;
    let refused = app
        .patch(
            created.id(),
            &[],
            json!({"name": null, "version": 9, "images": [], "price": {"amount": "x"}}),
        )
        .await;
    assert_eq!(refused.status, 422);
    let mut pointers: Vec<_> = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["pointer"].as_str().unwrap())
        .collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["#/images", "#/name", "#/price/amount", "#/version"]);
    assert_eq!(app.product(created.id()).await.body, created.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sku_of_another_product_cannot_be_taken() {
    let app = TestApp::start().await;
    let (one, other) = (app.create("One", 0).await, app.create("Other", 0).await);
    assert_eq!(app.patch(one.id(), &[], json!({"sku": "A-1"})).await.status, 200);
    assert_eq!(
        app.patch(other.id(), &[], json!({"sku": "A-1"})).await.status,
        409
    );
    // A sku is free again once its product is gone.
    assert_eq!(app.delete(one.id(), &[]).await.status, 204);
    assert_eq!(
        app.patch(other.id(), &[], json!({"sku": "A-1"})).await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_caller_goes_away_is_made_whole_with_the_cache() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 0).await;
    app.product(created.id()).await;
    // Somebody else holds the row, so that the change is still under way when its caller leaves.
    let held = app.database.hold("SELECT 1 FROM products FOR UPDATE").await;
    let patch = app.patch(created.id(), &[], json!({"name": "Bowl"}));
    assert!(
        tokio::time::timeout(std::time::Duration::from_millis(300), patch)
            .await
            .is_err()
    );
    held.release().await;
    testkit::eventually(std::time::Duration::from_secs(10), async || {
        (app.product(created.id()).await.body["name"] == "Bowl").then_some(())
    })
    .await;
}
