#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/json.h"
#include "launcher/process/variables.h"

namespace llmrun {

/// The text of a template, and what to call it in a complaint: its file, or the name it was built in under.
struct Template {
  std::string text;
  std::string name;
};

/// Where a person's and a site's own templates are, strongest first: $LLMRUN_TEMPLATES (colons between directories),
/// ~/.config/llmrun/templates, /etc/llmrun/templates.
std::vector<std::filesystem::path> template_directories(const Variables& environment);

/// NAME.mustache in the first directory that has it, else the one that was built in: "local/launch.sh", "pbs/job.sh", "slurm/job.sh".
/// Throws Error(Exit::failed) for another name, Error(Exit::config) for a file that cannot be read.
Template find_template(std::string_view name, const std::vector<std::filesystem::path>& directories);

/// Fills a mustache template. {{x}} quotes for the shell, {{{x}}} is raw: only for what the configuration has validated. A name that
/// `values` lacks, also that of a section, and whatever else mustache would leave a hole for and say nothing (read_tags) throws one
/// Error(Exit::config) with each place. An optional value is null or [].
std::string render_template(const Template& from, const json& values);

/// The text of a template that was built in. Throws Error(Exit::failed).
std::string_view built_in_template(std::string_view name);

}  // namespace llmrun
