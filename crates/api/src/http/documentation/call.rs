//! What the rules of the document look at.

use utoipa::openapi::{
    RefOr, Schema,
    path::{Operation, ParameterIn},
};

/// An operation, as the rules see it.
pub(super) struct Call {
    /// In capitals.
    pub(super) method: &'static str,
    /// With its parameters in braces.
    pub(super) path: String,
    headers: Vec<String>,
    query: Vec<String>,
    bodies: Vec<(String, String)>,
}

impl Call {
    pub(super) fn new(method: &'static str, path: &str, operation: &Operation) -> Self {
        let mut call = Self {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            query: Vec::new(),
            bodies: Vec::new(),
        };
        for parameter in operation.parameters.iter().flatten() {
            match parameter {
                RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => {
                    call.query.push(parameter.name.clone());
                }
                RefOr::T(_) => {}
                // Request headers alone are kept among the components.
                RefOr::Ref(reference) => call.headers.push(last_part(&reference.ref_location)),
            }
        }
        if let Some(RefOr::T(body)) = &operation.request_body {
            let kinds = body.content.iter().map(|(kind, content)| {
                let schema = match content {
                    RefOr::T(content) => content.schema.as_ref().map(schema_name).unwrap_or_default(),
                    RefOr::Ref(_) => String::new(),
                };
                (kind.clone(), schema)
            });
            call.bodies = kinds.collect();
        }
        call
    }

    /// True where a key is needed.
    pub(super) fn is_guarded(&self) -> bool {
        self.path.starts_with("/api/")
    }

    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|header| header == name)
    }

    pub(super) fn has_query(&self, name: &str) -> bool {
        self.query.iter().any(|parameter| parameter == name)
    }

    pub(super) fn has_path_parameter(&self) -> bool {
        self.path.contains('{')
    }

    pub(super) fn has_body(&self) -> bool {
        !self.bodies.is_empty()
    }

    pub(super) fn has_json_body(&self) -> bool {
        self.bodies.iter().any(|(kind, _)| kind.ends_with("json"))
    }

    /// True where the body is of one of these schemas.
    pub(super) fn takes(&self, schemas: &[&str]) -> bool {
        self.bodies
            .iter()
            .any(|(_, schema)| schemas.contains(&schema.as_str()))
    }
}

/// The name of a schema among the components; empty where it is written out.
pub(super) fn schema_name(schema: &RefOr<Schema>) -> String {
    match schema {
        RefOr::Ref(reference) => last_part(&reference.ref_location),
        RefOr::T(_) => String::new(),
    }
}

fn last_part(reference: &str) -> String {
    reference.rsplit('/').next().unwrap_or_default().to_owned()
}
