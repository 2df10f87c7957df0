#pragma once
#include <memory>
#include <string>

#include "engine/core/identity.h"

namespace llmrun {

/// "Who am I, who are the others": the identity, and a small store of strings that every rank sees. Used once, at the start, to wire
/// tcp and nccl and to hand round the plan. Values are short (an address, a NCCL id; the plan grows with the hosts). A key that ends in
/// "/N" is put by rank N, every other key by rank 0: PMIx must know whom to ask.
class Rendezvous {
 public:
  virtual ~Rendezvous() = default;
  virtual Identity identity() const = 0;
  virtual std::string name() const = 0;  // "pmix", "store": for the log
  virtual void put(const std::string& key, const std::string& value) = 0;
  /// Waits until it has been put. Throws Error(Exit::failed) with the key after `timeout_s`.
  virtual std::string get(const std::string& key, double timeout_s = 60) = 0;
};

/// Through the launcher's PMIx server. Null where none answers, or one of another major version than our library's, or the module
/// llmrun_pmix or its library is not there. Several may live in one process; they see the same store.
std::unique_ptr<Rendezvous> make_pmix_rendezvous();

/// PMIx where its server answers (the module llmrun_pmix is loaded for it; absent: not used), else a TCPStore on rank 0, on an
/// ephemeral port of a listening socket bound to one address, which the others learn from the file `meeting_file` (on the file system
/// that holds the run directory; its name gets $LLMRUN_ATTEMPT_ID appended) that rank 0 writes by rename and removes at the end. A file
/// that a dead attempt left behind is not believed: nobody answers there, or not with the nonce that stands in it. (Who accepts there and
/// then says nothing would hold a rank up; with an attempt of its own in the file's name there is no such file.)
/// `plan_ranks` is the size where the launcher does not say it. LLMRUN_RENDEZVOUS=store goes past PMIx.
/// The store goes with the object: keep rank 0's until every rank has what it wants. A world of one needs none and opens nothing.
std::unique_ptr<Rendezvous> make_rendezvous(const std::string& meeting_file, int plan_ranks);

}  // namespace llmrun
