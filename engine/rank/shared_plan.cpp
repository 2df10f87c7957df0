#include "engine/rank/shared_plan.h"

namespace llmrun {

SharedPlan share_plan(const std::filesystem::path& path) {
  constexpr const char* kKey = "plan";
  auto pmix = make_pmix_rendezvous();
  if (!pmix || pmix->identity().size == 1) return {read_plan(path), nullptr};
  if (pmix->identity().rank == 0) {
    Plan plan = read_plan(path);
    pmix->put(kKey, to_json(plan).dump());
    return {std::move(plan), std::move(pmix)};
  }
  return {plan_from_json(json::parse(pmix->get(kKey))), std::move(pmix)};
}

}  // namespace llmrun
