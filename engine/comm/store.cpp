#include "engine/comm/store.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/comm/socket.h"
#include "engine/core/error.h"
#include "engine/core/file.h"
#include "engine/core/file_modes.h"

namespace llmrun {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr double kMeetingLimit_s = 120;  // ranks of a large launch start far apart
constexpr milliseconds kConnectLimit{1000};
constexpr milliseconds kPoll{20};
constexpr const char* kNonceKey = "nonce";

c10::intrusive_ptr<c10d::TCPStore> open_store(const Endpoint& endpoint, std::optional<int> listener, milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = endpoint.port;
  options.isServer = listener.has_value();
  options.waitWorkers = false;
  options.masterListenFd = listener;
  options.timeout = timeout;
  return c10::make_intrusive<c10d::TCPStore>(endpoint.address, options);
}

std::string new_nonce() {
  uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != sizeof bits) throw Error(Exit::failed, "no random bytes for a nonce");
  return fmt::format("{:016x}", bits);
}

std::string text_of(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

class StoreRendezvous final : public Rendezvous {
 public:
  StoreRendezvous(const Identity& identity, std::string meeting_file) : identity_(identity), meeting_file_(std::move(meeting_file)) {
    if (const char* attempt = std::getenv("LLMRUN_ATTEMPT_ID")) meeting_file_ += fmt::format(".{}", attempt);
    identity_.rank == 0 ? host() : join();
  }
  ~StoreRendezvous() override {
    std::error_code ignored;
    if (identity_.rank == 0) std::filesystem::remove(meeting_file_, ignored);
  }

  Identity identity() const override { return identity_; }
  std::string name() const override { return "store"; }

  void put(const std::string& key, const std::string& value) override {
    talk(key, [&] { store_->set(key, std::vector<uint8_t>(value.begin(), value.end())); });
  }

  std::string get(const std::string& key, double timeout_s) override {
    std::string value;
    talk(key, [&] {
      store_->wait({key}, milliseconds(static_cast<int64_t>(timeout_s * 1000)));
      value = text_of(store_->get(key));
    });
    return value;
  }

 private:
  template <typename Function>
  void talk(const std::string& key, Function function) {
    try {
      function();
    } catch (const c10::Error& error) {
      throw Error(Exit::failed, "rank {} did not get '{}' through the store of rank 0: {}", identity_.rank, key,
                  error.what_without_backtrace());
    }
  }

  void host() {
    Socket listener = listen_on(own_address(identity_.local_size == identity_.size));
    const Endpoint endpoint = endpoint_of(listener);
    store_ = open_store(endpoint, listener.get(), milliseconds(60000));
    listener.release();  // the store closes it
    const std::string nonce = new_nonce();
    put(kNonceKey, nonce);
    const OwnerOnly alone;  // the nonce is what lets a rank in
    write_file_atomically(meeting_file_, endpoint.text() + " " + nonce + "\n");
  }

  void join() {
    const auto deadline = Clock::now() + std::chrono::duration<double>(kMeetingLimit_s);
    while (!try_to_join()) {
      if (Clock::now() > deadline) {
        throw Error(Exit::failed, "rank {} found no rank 0 by '{}' in {:g} s", identity_.rank, meeting_file_, kMeetingLimit_s)
            .hint("all ranks must see this file: put the run on a file system that every host has, with --set run.dir=...");
      }
      std::this_thread::sleep_for(kPoll);
    }
  }

  bool try_to_join() {
    std::ifstream file(meeting_file_);
    std::string endpoint_text, nonce;
    if (!(file >> endpoint_text >> nonce)) return false;
    try {
      const Endpoint endpoint = parse_endpoint(endpoint_text);
      { const Socket somebody_listens = connect_to(endpoint, /*timeout_s=*/0); }
      auto store = open_store(endpoint, std::nullopt, kConnectLimit);
      if (text_of(store->get(kNonceKey)) != nonce) return false;
      store->setTimeout(milliseconds(60000));
      store_ = std::move(store);
      return true;
    } catch (const Error&) {
      return false;  // a file that a dead attempt left: rank 0 will replace it
    } catch (const c10::Error&) {
      return false;  // somebody else listens there now
    }
  }

  Identity identity_;
  std::string meeting_file_;
  c10::intrusive_ptr<c10d::TCPStore> store_;
};

}  // namespace

std::unique_ptr<Rendezvous> make_store_rendezvous(const Identity& identity, const std::string& meeting_file) {
  return std::make_unique<StoreRendezvous>(identity, meeting_file);
}

}  // namespace llmrun
