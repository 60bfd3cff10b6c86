#pragma once
// Lines that wait: in memory, or, where they are too many, in a file without a name.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace txsync::client {

class Spool
{
public:
	Spool() = default;
	~Spool();
	Spool(const Spool &) = delete;
	Spool &operator=(const Spool &) = delete;

	void Add(uint32_t xid, std::string_view text);

	// Bytes in memory.
	size_t
	InMemory() const
	{
		return memory_.size();
	}

	// Moves what is in memory to the file, which is in TMPDIR or else in /var/tmp and goes with the object.
	// Throws Failure.
	void Spill();

	// Everything, in the order in which it was added. Throws Failure.
	using Take = std::function<void(uint32_t xid, std::string_view text)>;
	void Read(const Take &take) const;

private:
	void ReadFile(const Take &take) const;

	std::string memory_; // entries behind those in the file
	int fd_ = -1;
	uint64_t in_file_ = 0;
};

} // namespace txsync::client
