// The module llmrun_pmix: a rendezvous through the launcher's PMIx server (Open MPI's mpirun, PRRTE, srun --mpi=pmix, PALS --pmi=pmix).
#include <pmix.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "engine/comm/rendezvous.h"
#include "engine/core/error.h"

namespace llmrun {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(10);

void check(pmix_status_t status, const char* call) {
  if (status != PMIX_SUCCESS) throw Error(Exit::failed, "{} failed: {}", call, PMIx_Error_string(status));
}

class PmixRendezvous final : public Rendezvous {
 public:
  explicit PmixRendezvous(const pmix_proc_t& self) : self_(self) {
    pmix_proc_t job = self;
    job.rank = PMIX_RANK_WILDCARD;
    identity_.rank = static_cast<int>(self.rank);
    identity_.size = static_cast<int>(number(job, PMIX_JOB_SIZE));
    identity_.local_size = static_cast<int>(number(job, PMIX_LOCAL_SIZE));
    // Open MPI 4's mpirun does not tell a rank that is alone on its host.
    identity_.local_rank = identity_.local_size == 1 ? 0 : static_cast<int>(number(self, PMIX_LOCAL_RANK));
  }
  ~PmixRendezvous() override { PMIx_Finalize(nullptr, 0); }

  Identity identity() const override { return identity_; }
  std::string name() const override { return "pmix"; }

  void put(const std::string& key, const std::string& value) override {
    pmix_value_t stored;
    PMIX_VALUE_CONSTRUCT(&stored);
    stored.type = PMIX_STRING;
    stored.data.string = const_cast<char*>(value.c_str());
    check(PMIx_Put(PMIX_GLOBAL, key.c_str(), &stored), "PMIx_Put");
    check(PMIx_Commit(), "PMIx_Commit");
  }

  /// The server answers "not found" for a key that its owner has not committed yet: ask again.
  std::string get(const std::string& key, double timeout_s) override {
    pmix_proc_t owner = self_;
    owner.rank = owner_of(key);
    pmix_info_t refresh;
    const bool yes = true;
    PMIX_INFO_CONSTRUCT(&refresh);
    PMIX_INFO_LOAD(&refresh, PMIX_GET_REFRESH_CACHE, &yes, PMIX_BOOL);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(timeout_s);
    while (true) {
      pmix_value_t* value = nullptr;
      const pmix_status_t status = PMIx_Get(&owner, key.c_str(), &refresh, 1, &value);
      if (status == PMIX_SUCCESS && value->type == PMIX_STRING) {
        const std::string text = value->data.string;
        PMIX_VALUE_RELEASE(value);
        return text;
      }
      if (std::chrono::steady_clock::now() > deadline) {
        throw Error(Exit::failed, "rank {} did not get '{}' through PMIx in {:g} s: {}", self_.rank, key, timeout_s,
                    PMIx_Error_string(status));
      }
      std::this_thread::sleep_for(kPoll);
    }
  }

 private:
  static uint32_t owner_of(const std::string& key) {
    const size_t slash = key.rfind('/');
    uint32_t rank = 0;
    if (slash != std::string::npos) std::from_chars(key.data() + slash + 1, key.data() + key.size(), rank);
    return rank;
  }

  static uint32_t number(const pmix_proc_t& of, const char* key) {
    pmix_value_t* value = nullptr;
    check(PMIx_Get(&of, key, nullptr, 0, &value), key);
    const uint32_t result = value->type == PMIX_UINT16 ? value->data.uint16 : value->data.uint32;
    PMIX_VALUE_RELEASE(value);
    return result;
  }

  pmix_proc_t self_;
  Identity identity_;
};

/// The first number in a version: 4 of "OpenPMIx 4.2.2".
long major_version(const char* text) {
  const char* number = std::strpbrk(text, "0123456789");
  return number ? std::strtol(number, nullptr, 10) : 0;
}

/// A client of 4.2 under a server of 5.0 (Debian's PMIx under PRRTE 3) is told who it is, but what one rank puts no other one gets.
bool server_is_of_our_version() {
  const char* server = std::getenv("PMIX_VERSION");
  return !server || major_version(server) == major_version(PMIx_Get_version());
}

}  // namespace
}  // namespace llmrun

/// Null where no server answers, or one of another major version. The caller owns it.
extern "C" llmrun::Rendezvous* llmrun_make_pmix_rendezvous() {
  if (!llmrun::server_is_of_our_version()) return nullptr;
  pmix_proc_t self;
  if (PMIx_Init(&self, nullptr, 0) != PMIX_SUCCESS) return nullptr;
  return new llmrun::PmixRendezvous(self);
}
