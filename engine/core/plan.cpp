#include "engine/core/plan.h"

#include <stdexcept>

#include "engine/core/shape_json.h"
#include "engine/core/spec/decode.h"

namespace llmrun {
namespace {

json hosts_json(const std::vector<PlanHost>& hosts) {
  json list = json::array();
  for (const PlanHost& host : hosts) list.push_back({{"name", host.name}, {"slots", host.slots}});
  return list;
}

Plan decoded(const json& document) {
  Plan plan;
  plan.name = document.at("run").at("name");
  plan.dir = document.at("run").at("dir");
  plan.layout = layout_from_json(document.at("layout"));
  for (const json& host : document.at("hosts")) plan.hosts.push_back({host.at("name"), whole_number(host.at("slots"))});
  plan.ranks_per_node = whole_number(document.at("ranks_per_node"));
  plan.device = document.at("device") == "cuda" ? Device::cuda : Device::cpu;
  plan.communicator = word_from<CommunicatorKind>(document, "communicator");
  plan.threads = whole_number(document.at("threads"));
  plan.steps = whole_number(document.at("steps"));
  plan.global_batch = whole_number(document.at("global_batch"));
  plan.accumulate = whole_number(document.at("accumulate"));
  plan.model = model_from_json(document.at("model"));
  plan.config = config_from_json(document.at("config"));
  if (document.at("ranks") != plan.ranks())
    throw Error(Exit::config, "plan.json: {} ranks, but its layout makes {}", document.at("ranks").dump(), plan.ranks())
        .hint("run 'llmrun train' again: it writes a new plan");
  return plan;
}

}  // namespace

json to_json(const Plan& plan) {
  return {{"version", Plan::kVersion},
          {"run", {{"name", plan.name}, {"dir", plan.dir}}},
          {"ranks", plan.ranks()},
          {"layout", layout_json(plan.layout)},
          {"ranks_per_node", plan.ranks_per_node},
          {"hosts", hosts_json(plan.hosts)},
          {"device", plan.device == Device::cuda ? "cuda" : "cpu"},
          {"communicator", spelling(plan.communicator)},
          {"threads", plan.threads},
          {"steps", plan.steps},
          {"global_batch", plan.global_batch},
          {"accumulate", plan.accumulate},
          {"model", model_json(plan.model)},
          {"config", to_json(plan.config)}};
}

Plan plan_from_json(const json& document) {
  const auto refuse = [](const char* why) -> Plan {
    throw Error(Exit::config, "plan.json is not a plan: {}", why).hint("run 'llmrun train' again: it writes a new plan");
  };
  try {
    if (const int64_t version = whole_number(document.at("version")); version != Plan::kVersion)
      throw Error(Exit::config, "plan.json has version {}, this llmrun-rank reads version {}", version, Plan::kVersion)
          .hint("run 'llmrun train' again: it writes a new plan");
    return decoded(document);
  } catch (const json::exception& failure) {
    return refuse(failure.what());
  } catch (const std::invalid_argument& failure) {
    return refuse(failure.what());
  }
}

Plan read_plan(const std::filesystem::path& path) { return plan_from_json(read_json_file(path, Exit::config)); }

}  // namespace llmrun
