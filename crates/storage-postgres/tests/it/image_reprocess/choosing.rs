//! Which pictures are made again, and how often.

use super::*;

#[tokio::test]
async fn only_pictures_that_lack_the_variant_are_wanted_unless_all_are() {
    let room = Room::open().await;
    let product = ready(&room, 2).await;
    room.create(&product_of(draft("Unfinished"), 2)).await;
    let ids: Vec<_> = product.images.iter().map(|image| image.id).collect();
    let run = begin(&room).await;
    let webp = [ImageFormat::WebP];
    assert_eq!(wanted(&room, &lacking(run, "large", &webp)).await, ids);
    assert!(wanted(&room, &lacking(run, "thumbnail", &webp)).await.is_empty());
    let both = [ImageFormat::WebP, ImageFormat::Jpeg];
    assert_eq!(wanted(&room, &lacking(run, "thumbnail", &both)).await, ids);

    let all = |before| ReprocessChoice {
        stored: StoredVariants::MadeBefore(before),
        ..lacking(run, "thumbnail", &webp)
    };
    assert_eq!(wanted(&room, &all(run)).await, ids);
    assert!(wanted(&room, &all(run - TimeDelta::hours(1))).await.is_empty());
    let since = |since| ReprocessChoice {
        since: Some(since),
        ..all(run)
    };
    assert_eq!(wanted(&room, &since(run - TimeDelta::hours(1))).await, ids);
    assert!(wanted(&room, &since(run + TimeDelta::hours(1))).await.is_empty());
    let other = room.account("other").await;
    let of_other = ReprocessChoice {
        account: Some(other),
        ..all(run)
    };
    assert!(wanted(&room, &of_other).await.is_empty());
}

#[tokio::test]
async fn running_it_again_does_nothing_new() {
    let room = Room::open().await;
    let product = ready(&room, 2).await;
    let ids: Vec<_> = product.images.iter().map(|image| image.id).collect();
    let first = begin(&room).await;
    ask(&room, &ids, first).await;
    drain(&room).await;
    // Those that are under way are left alone, whoever names them.
    let again = begin(&room).await;
    let choice = lacking(again, "large", &[ImageFormat::WebP]);
    assert!(wanted(&room, &choice).await.is_empty());
    let outcome = ask(&room, &ids, again).await;
    assert_eq!((outcome.asked, outcome.passed_over), (0, 2));
    // One that is done is done, by what it has and by when it was made.
    apply(&room, &remade(&product, 2)).await;
    let again = begin(&room).await;
    assert!(
        wanted(
            &room,
            &ReprocessChoice {
                run: again,
                ..choice.clone()
            }
        )
        .await
        .is_empty()
    );
    let all = ReprocessChoice {
        stored: StoredVariants::MadeBefore(first),
        run: again,
        ..choice
    };
    assert!(wanted(&room, &all).await.is_empty());
    let standing = images_reprocess_progress(&room.database, first).await.unwrap();
    assert_eq!((standing.under_way, standing.of_run, standing.failed), (1, 1, 0));
}

#[tokio::test]
async fn what_another_run_has_made_since_it_was_looked_at_is_left_alone() {
    let room = Room::open().await;
    let product = ready(&room, 2).await;
    let ids: Vec<_> = product.images.iter().map(|image| image.id).collect();
    let mine = lacking(begin(&room).await, "large", &[ImageFormat::WebP]);
    let all = ReprocessChoice {
        stored: StoredVariants::MadeBefore(mine.run),
        ..mine.clone()
    };
    assert_eq!(wanted(&room, &mine).await, ids);
    // An earlier run, which has taken the first of them meanwhile.
    ask(&room, &ids[..1], mine.run - TimeDelta::microseconds(1)).await;
    apply(&room, &remade(&product, 2)).await;
    for choice in [&mine, &all] {
        let outcome = images_reprocess_ask(&room.database, &ids[..1], choice)
            .await
            .unwrap();
        assert_eq!((outcome.asked, outcome.passed_over), (0, 1));
    }
    let outcome = images_reprocess_ask(&room.database, &ids, &mine).await.unwrap();
    assert_eq!((outcome.asked, outcome.passed_over), (1, 1));
}

#[tokio::test]
async fn a_run_asks_once_for_what_fails_and_names_it() {
    let room = Room::open().await;
    let product = ready(&room, 1).await;
    let id = product.images[0].id;
    let run = begin(&room).await;
    ask(&room, &[id], run).await;
    apply(&room, &not_remade(&product, 2)).await;
    let choice = lacking(run, "large", &[ImageFormat::WebP]);
    assert!(wanted(&room, &choice).await.is_empty());
    assert_eq!(ask(&room, &[id], run).await.asked, 0);
    let standing = images_reprocess_progress(&room.database, run).await.unwrap();
    assert_eq!((standing.under_way, standing.of_run, standing.failed), (0, 0, 1));
    let failed = FailedReprocess {
        image_id: id,
        code: "corrupt_image".to_owned(),
    };
    let named = images_reprocess_failed(&room.database, run, 10).await.unwrap();
    assert_eq!(named, [failed]);
    let later = begin(&room).await;
    assert_eq!(
        wanted(&room, &ReprocessChoice { run: later, ..choice }).await,
        [id]
    );
}

#[tokio::test]
async fn pages_end_where_the_images_end_and_leave_none_out() {
    let room = Room::open().await;
    let product = ready(&room, 7).await;
    let run = begin(&room).await;
    let choice = lacking(run, "large", &[ImageFormat::WebP]);
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = images_reprocess_page(&room.database, &choice, after, 3)
            .await
            .unwrap();
        seen.extend(page.wanted);
        match page.last {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    let ids: Vec<_> = product.images.iter().map(|image| image.id).collect();
    assert_eq!(seen, ids);
}
