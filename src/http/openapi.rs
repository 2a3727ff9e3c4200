//! `/v1/openapi.json`: the document of the API (OpenAPI 3.1), made from the table of routes and the
//! schemas beside this file.

use std::sync::OnceLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::routes::{Access, Form, Route, TABLE};

const SCHEMAS: &str = include_str!("schemas.json");

pub async fn show() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_string());
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, text.as_str()).into_response()
}

/// The whole document.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in described() {
        let path = route.path.replace("{*", "{");
        let operations = paths.entry(path).or_insert_with(|| json!({}));
        operations[route.method] = operation(route);
    }
    let schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Posthouse",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A customer-service desk. Every refusal has a code; see Error.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "visitor": { "type": "http", "scheme": "bearer" },
                "operator": { "type": "http", "scheme": "bearer" },
                "agent": { "type": "apiKey", "in": "cookie", "name": "__Host-posthouse" }
            }
        }
    })
}

/// `/manual/` is `/manual` with another spelling.
fn described() -> impl Iterator<Item = &'static Route> {
    TABLE.iter().filter(|route| route.path == "/" || !route.path.ends_with('/'))
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "parameters": parameters(route),
        "responses": {
            answered(route.gives): answer(route.gives),
            "default": {
                "description": "A refusal with its code",
                "content": { "application/json": { "schema": reference("Error") } }
            }
        },
        "security": security(route.access)
    });
    if let Some((kind, schema)) = content(route.takes) {
        operation["requestBody"] =
            json!({ "required": true, "content": { kind: { "schema": schema } } });
    }
    operation
}

fn operation_id(route: &Route) -> String {
    let words = route.path.split(['/', '.', '{', '}', '*', '-']).filter(|word| !word.is_empty());
    std::iter::once(route.method).chain(words).collect::<Vec<_>>().join("_")
}

fn parameters(route: &Route) -> Vec<Value> {
    let parts = route.path.split('/').filter_map(|part| part.strip_prefix('{'));
    let names = parts.map(|part| part.trim_end_matches('}').trim_start_matches('*'));
    let string = json!({ "type": "string" });
    let in_path =
        names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": string }));
    let in_query = route.query.iter().map(|name| {
        let plain = name.trim_end_matches('!');
        json!({ "name": plain, "in": "query", "required": *name != plain, "schema": string })
    });
    in_path.chain(in_query).collect()
}

fn security(access: Access) -> Value {
    match access {
        Access::Anybody => json!([]),
        Access::Peer => json!([{ "visitor": [] }, { "agent": [] }]),
        Access::Agent => json!([{ "agent": [] }]),
        Access::Operator => json!([{}, { "operator": [] }]),
    }
}

fn answered(form: Form) -> &'static str {
    match form {
        Form::Nothing => "204",
        Form::WebSocket => "101",
        Form::Json(_) | Form::Frames | Form::File | Form::Page | Form::Text => "200",
    }
}

fn answer(form: Form) -> Value {
    match content(form) {
        Some((kind, schema)) => {
            json!({ "description": "The answer", "content": { kind: { "schema": schema } } })
        }
        None => json!({ "description": "Done" }),
    }
}

fn content(form: Form) -> Option<(&'static str, Value)> {
    let binary = json!({ "type": "string", "format": "binary" });
    match form {
        Form::Nothing | Form::WebSocket => None,
        Form::Json(name) => Some(("application/json", reference(name))),
        Form::Frames => Some(("application/x-protobuf", binary)),
        Form::File => Some(("application/octet-stream", binary)),
        Form::Page => Some(("text/html", json!({ "type": "string" }))),
        Form::Text => Some(("text/plain", json!({ "type": "string" }))),
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Names of schemas that a document refers to.
    fn references(value: &Value) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    if let (true, Some(target)) = (name == "$ref", field.as_str()) {
                        found.extend(target.rsplit('/').next().map(ToOwned::to_owned));
                    }
                    found.append(&mut references(field));
                }
            }
            Value::Array(items) => {
                items.iter().for_each(|item| found.append(&mut references(item)))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        found
    }

    #[test]
    fn every_schema_is_there_and_every_one_is_used() {
        let document = document();
        let defined = document["components"]["schemas"].as_object().unwrap();
        let defined: BTreeSet<String> = defined.keys().cloned().collect();
        assert_eq!(references(&document), defined);
    }

    #[test]
    fn every_route_is_one_operation_with_a_name_of_its_own() {
        let document = document();
        let mut names = BTreeSet::new();
        for path in document["paths"].as_object().unwrap().values() {
            for operation in path.as_object().unwrap().values() {
                assert!(names.insert(operation["operationId"].to_string()));
            }
        }
        assert_eq!(names.len(), described().count());
    }
}
