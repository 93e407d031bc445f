//! Puts the layers on top of each other and reads the settings from the stack.

use figment::Figment;
use figment::value::{Dict, Value};

use super::fault::{Complaint, Fault, SettingsError};
use super::layer::Layer;
use super::ledger::Ledger;
use super::schema::Schema;
use super::{
    Auth, Aws, Cache, Catalogue, Database, Images, Limits, LoadOptions, Logging, Outbox, Rabbitmq, Redis,
    Server, Settings, Shutdown, Source, Webhooks, Worker, checks, environment, file, yaml,
};

/// Every setting with its default and its bounds: the text of `config/default.yaml`.
pub const DEFAULTS: &str = include_str!("../../../../config/default.yaml");

pub(super) fn load(options: &LoadOptions) -> Result<Settings, SettingsError> {
    let defaults = defaults()?;
    let schema = Schema::of_defaults(&defaults);
    let mut faults = Vec::new();
    let mut figment = Figment::from(Layer {
        source: Source::Default,
        values: defaults,
    });

    let file = file::read(options);
    let file_is_usable = file.is_ok();
    match file {
        Ok(Some(file)) => {
            let source = Source::File(file.path);
            let values = schema.sift(file.values, &source, &mut faults);
            figment = figment.merge(Layer { source, values });
        }
        Ok(None) => {}
        Err(fault) => faults.push(fault),
    }
    for layer in environment::layers(&options.environment, &schema, &mut faults) {
        figment = figment.merge(layer);
    }
    if !file_is_usable {
        // Without the file, whatever else could be said of the values would be about values nobody meant.
        return Err(SettingsError::new(faults));
    }

    let mut ledger = Ledger::new(figment, faults);
    let settings = read(&mut ledger, &schema);
    checks::validate(&settings, options.program, &mut ledger);
    ledger.finish(settings)
}

fn defaults() -> Result<Dict, SettingsError> {
    let wrong = |problem: String| {
        let complaint = Complaint::new(problem, "this is a fault of the build");
        SettingsError::new(vec![Fault::unset("the built-in default", &complaint)])
    };
    match yaml::parse(DEFAULTS) {
        Ok(Value::Dict(_, values)) => Ok(values),
        Ok(_) => Err(wrong(String::new())),
        Err(error) => Err(wrong(format!(": {error}"))),
    }
}

fn read(ledger: &mut Ledger, schema: &Schema) -> Settings {
    let mut settings = Settings {
        database: Database::read(ledger.section("database")),
        redis: Redis::read(ledger.section("redis")),
        rabbitmq: Rabbitmq::read(ledger.section("rabbitmq")),
        server: Server::read(ledger.section("server")),
        aws: Aws::read(ledger.section("aws")),
        catalogue: Catalogue::read(ledger.section("catalogue")),
        auth: Auth::read(ledger.section("auth")),
        images: Images::read(ledger.section("images")),
        worker: Worker::read(ledger.section("worker")),
        limits: Limits::read(ledger.section("limits")),
        cache: Cache::read(ledger.section("cache")),
        outbox: Outbox::read(ledger.section("outbox")),
        webhooks: Webhooks::read(ledger.section("webhooks")),
        logging: Logging::read(ledger.section("logging")),
        shutdown: Shutdown::read(ledger.section("shutdown")),
        sources: ledger.sources(schema),
    };
    settings.worker.complete(&settings.images);
    settings
}

#[cfg(test)]
mod tests {
    use super::super::Program;
    use super::super::environment::variable_of;
    use super::super::schema::Shape;
    use super::*;

    /// What no setting of the shape takes, but for passwords, which may hold anything.
    fn nonsense(shape: Shape) -> &'static str {
        match shape {
            Shape::List => "[[]]",
            Shape::Map => "{module: []}",
            _ => "\n",
        }
    }

    #[test]
    fn every_setting_of_the_defaults_is_read() {
        let schema = Schema::of_defaults(&defaults().unwrap());
        let settings: Vec<&str> = schema.settings().collect();
        assert!(settings.len() > 50);
        for setting in settings {
            let value = nonsense(schema.shape(setting).unwrap());
            let options =
                LoadOptions::bare(Program::Api, "/nowhere").with_environment([(variable_of(setting), value)]);
            let is_secret = setting.ends_with("password") || setting == "aws.secret_access_key";
            match load(&options) {
                Ok(_) => assert!(is_secret, "{setting} is not read"),
                Err(error) => assert!(error.to_string().contains(setting), "{error}"),
            }
        }
    }
}
