use messages::{DecodeError, ImageResult, Job, Message};
use serde_json::Value;

use crate::golden::{all, files_of, with_news};

fn decode<M: Message>(type_name: &str, value: &Value) -> Result<M, DecodeError> {
    M::decode(type_name, value.to_string().as_bytes())
}

fn every_file_reads_back<M: Message>() {
    for type_name in M::TYPE_NAMES {
        for golden in files_of(type_name) {
            let message: M = decode(type_name, &golden.value).unwrap();
            assert_eq!(message.type_name(), *type_name);
            let written: Value = serde_json::from_slice(&message.encode().unwrap()).unwrap();
            assert_eq!(written, golden.value, "{}", golden.file);
        }
    }
}

fn news_change_nothing<M: Message + PartialEq + std::fmt::Debug>() {
    for type_name in M::TYPE_NAMES {
        for golden in files_of(type_name) {
            let known: M = decode(type_name, &golden.value).unwrap();
            let with_news: M = decode(type_name, &with_news(&golden.value)).unwrap();
            assert_eq!(with_news, known, "{}", golden.file);
        }
    }
}

#[test]
fn what_was_written_once_is_read_and_written_the_same() {
    every_file_reads_back::<Job>();
    every_file_reads_back::<ImageResult>();
}

#[test]
fn fields_that_are_not_known_are_ignored() {
    news_change_nothing::<Job>();
    news_change_nothing::<ImageResult>();
}

#[test]
fn every_golden_file_belongs_to_a_type() {
    let types: Vec<_> = [Job::TYPE_NAMES, ImageResult::TYPE_NAMES, &["envelope"]].concat();
    for golden in all() {
        let is_ours = |name: &&str| golden.file.starts_with(&format!("{name}."));
        assert!(types.iter().any(is_ours), "{} is read by nobody", golden.file);
    }
}

#[test]
fn a_type_of_the_other_direction_is_unknown() {
    let started = &files_of("image.started.v1")[0].value;
    let fault = decode::<Job>("image.started.v1", started).unwrap_err();
    assert!(matches!(fault, DecodeError::UnknownType(name) if name == "image.started.v1"));
    let fault = decode::<Job>("image.process.v2", started).unwrap_err();
    assert!(matches!(fault, DecodeError::UnknownType(_)));
}

#[test]
fn a_body_without_a_required_field_says_which() {
    let mut value = files_of("image.purge.v1")[0].value.clone();
    value.as_object_mut().unwrap().remove("image_id");
    let DecodeError::Body { type_name, source } = decode::<Job>("image.purge.v1", &value).unwrap_err() else {
        panic!("the type is known");
    };
    assert_eq!(type_name, "image.purge.v1");
    assert!(source.to_string().contains("image_id"), "{source}");
}
