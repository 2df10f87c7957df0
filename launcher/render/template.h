#pragma once
#include <string>
#include <string_view>

#include "engine/core/json.h"

namespace llmrun {

/// Fills a mustache template. {{x}} quotes for the shell, {{{x}}} is raw: only for what the configuration has validated. A name that
/// `values` lacks, also that of a section, throws Error(Exit::failed): mustache would leave a hole and say nothing. An optional value is
/// null or [].
std::string render_template(std::string_view text, const json& values, std::string_view name);

/// The text of a template that was built in: "local/launch.sh", "pbs/job.sh". Throws Error(Exit::failed).
std::string_view built_in_template(std::string_view name);

}  // namespace llmrun
