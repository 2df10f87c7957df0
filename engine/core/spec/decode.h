#pragma once
#include <functional>

#include "engine/core/spec/fields.h"

namespace llmrun {

/// Lays `tree` (a map of sections) over `config`: keys that it does not name stay as they are. Every unknown key and every bad value
/// becomes a complaint; good ones are taken, and `taken` hears of each.
void apply(
    const Value& tree, Config& config, std::vector<Complaint>& complaints,
    const std::function<void(const Field&, const Value&)>& taken = [](const Field&, const Value&) {});

/// Whether this version has the feature of the field's value.
bool is_built(const Field& field, const Config& config);
/// One complaint for each value whose feature this version does not have. `locate` adds where the value of `path` stands, or who set it.
std::vector<Complaint> complain_of_unbuilt(const Config& config, const std::function<void(std::string_view path, Complaint&)>& locate);

/// The whole Config, every field, nested by section: config.yaml, plan.json. config_from_json(to_json(c)) is c again.
json to_json(const Config& config);
/// Keys that are missing keep their defaults. Throws one Error(Exit::config) with every complaint.
Config config_from_json(const json& document);

/// The JSON Schema (draft 2020-12) of a run file, for editors.
json config_schema();

}  // namespace llmrun
