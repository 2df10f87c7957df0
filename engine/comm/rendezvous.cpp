#include "engine/comm/rendezvous.h"

#include <cstdlib>
#include <string_view>

#include "engine/comm/module.h"
#include "engine/comm/store.h"
#include "engine/core/error.h"

namespace llmrun {
namespace {

class Alone final : public Rendezvous {
 public:
  Identity identity() const override { return {}; }
  std::string name() const override { return "alone"; }
  void put(const std::string&, const std::string&) override {}
  std::string get(const std::string& key, double) override {
    throw Error(Exit::failed, "a world of one rank waits for '{}' from others", key);
  }
};

}  // namespace

std::unique_ptr<Rendezvous> make_pmix_rendezvous() {
  if (!std::getenv("PMIX_NAMESPACE")) return nullptr;
  if (const char* wanted = std::getenv("LLMRUN_RENDEZVOUS"); wanted && wanted == std::string_view("store")) return nullptr;
  const Module module = open_module("llmrun_pmix");
  if (!module.handle) return nullptr;
  const auto make = reinterpret_cast<Rendezvous* (*)()>(module.function("llmrun_make_pmix_rendezvous"));
  return std::unique_ptr<Rendezvous>(make());
}

std::unique_ptr<Rendezvous> make_rendezvous(const std::string& meeting_file, int plan_ranks) {
  if (auto pmix = make_pmix_rendezvous()) {
    if (pmix->identity().size > 1) return pmix;
  }
  Identity identity = identity_from_environment();
  if (identity.size == 0) identity.size = plan_ranks;
  if (identity.size == 1) return std::make_unique<Alone>();
  return make_store_rendezvous(identity, meeting_file);
}

}  // namespace llmrun
