//! The shared files of all AWS clients, `~/.aws/config` and `~/.aws/credentials`, read by the SDK's own reader.

use std::collections::HashMap;
use std::path::PathBuf;

use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::property::PropertiesKey;
use aws_runtime::env_config::section::{EnvConfigSections, Profile};
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::{Env, Fs};

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::suggest::nearest;
use crate::providers::World;
use crate::providers::settings::path;
use crate::providers::stamp::Stamp;

/// What the files hold.
pub(super) struct Profiles {
    sections: EnvConfigSections,
    /// The profile that the settings, else the environment, name; `default` if neither does.
    selected: String,
    /// Whether somebody named it.
    named: bool,
    stamps: Vec<Stamp>,
}

impl Profiles {
    /// Reads the files. One that is not there is empty.
    pub(super) async fn load(chosen: Option<&str>, world: &World) -> Result<Self, Problem> {
        let from_environment = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
        let mut variables: HashMap<String, String> = from_environment
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), world.text(name)?.to_owned())))
            .collect();
        if let Some(home) = world.home.as_ref().and_then(|home| home.to_str()) {
            variables.insert("HOME".to_owned(), home.to_owned());
        }
        let unreadable = |why: String| {
            Problem::new(
                &catalogue::AWS_PROFILE,
                "the configuration of the AWS clients cannot be read",
            )
            .causes(vec![why])
        };
        let mut stamps = Vec::new();
        let of_home = |name: &str| Some(world.home.as_ref()?.join(".aws").join(name));
        for (variable, name) in [
            ("AWS_CONFIG_FILE", "config"),
            ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        ] {
            let file = world
                .text(variable)
                .map(|file| path(file, world))
                .or_else(|| of_home(name));
            stamps.extend(file.as_deref().map(Stamp::of));
            let kind = file.as_ref().and_then(|file| std::fs::metadata(file).ok());
            // The reader would wait for ever for the end of a pipe.
            if let (Some(file), Some(kind)) = (file, kind)
                && !kind.is_file()
            {
                return Err(unreadable(format!("{} is not a plain file", file.display())));
            }
        }
        let files = source::load(&Env::from(variables), &Fs::real(), &EnvConfigFiles::default())
            .await
            .map_err(|_| unreadable("a file cannot be read".to_owned()))?;
        // The reader's words name the file, the line and what is missing there; they quote nothing.
        let sections =
            EnvConfigSections::parse(files).map_err(|error| unreadable(error.to_string().replace('\n', "")))?;
        let named = chosen.or_else(|| world.text("AWS_PROFILE"));
        Ok(Self {
            selected: named.unwrap_or("default").to_owned(),
            named: named.is_some(),
            sections,
            stamps,
        })
    }

    /// Whether none of the files has changed since they were read.
    pub(super) fn hold(&self) -> bool {
        self.stamps.iter().all(Stamp::holds)
    }

    pub(super) fn selected_name(&self) -> &str {
        &self.selected
    }

    /// The profile in use; none if there is no default one and nobody named another.
    pub(super) fn selected(&self) -> Result<Option<&Profile>, Problem> {
        match self.sections.get_profile(&self.selected) {
            Some(profile) => Ok(Some(profile)),
            None if self.named => Err(self.missing(&self.selected, None)),
            None => Ok(None),
        }
    }

    /// The profile that another one names as its source.
    pub(super) fn source(&self, name: &str, of: &str) -> Result<&Profile, Problem> {
        self.sections
            .get_profile(name)
            .ok_or_else(|| self.missing(name, Some(of)))
    }

    pub(super) fn sso_session(&self, session: &str, key: &str) -> Option<&str> {
        self.sections.sso_session(session)?.get(key)
    }

    /// A setting of the profile in use.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let value = self.sections.get_profile(&self.selected)?.get(key)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// The address that the profile gives a service in its section `services`.
    pub(super) fn endpoint(&self, service: &str) -> Option<&str> {
        let key = PropertiesKey::builder()
            .section_key("services")
            .section_name(self.get("services")?)
            .property_name(service)
            .sub_property_name("endpoint_url")
            .build()
            .ok()?;
        self.sections.other_sections().get(&key).map(String::as_str)
    }

    fn missing(&self, name: &str, of: Option<&str>) -> Problem {
        let what = match of {
            None => format!("there is no profile `{name}` in the configuration of the AWS clients"),
            Some(of) => format!("profile `{of}` names a profile `{name}`, which is not there"),
        };
        let mut names: Vec<&str> = self.sections.profiles().collect();
        names.sort_unstable();
        let there = match names.as_slice() {
            [] => "~/.aws/config and ~/.aws/credentials hold no profile".to_owned(),
            names => format!("the profiles there are: {}", names.join(", ")),
        };
        Problem::new(&catalogue::AWS_PROFILE, what)
            .causes(vec![
                there,
                "in ~/.aws/config a profile begins with [profile NAME]".to_owned(),
            ])
            .similar(nearest(name, names))
            .fixes(vec![
                format!("aws configure --profile {name}"),
                "aws configure list-profiles".to_owned(),
            ])
    }
}

/// `~/.aws` of this person.
pub(super) fn folder(world: &World) -> Option<PathBuf> {
    world.home.as_ref().map(|home| home.join(".aws"))
}
