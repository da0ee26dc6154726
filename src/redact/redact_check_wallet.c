/*-------------------------------------------------------------------------
 *
 * redact_check_wallet.c
 *		Checksums of wallets and of providers' tokens.
 *
 * Pure: no postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#include <stddef.h>
#include <string.h>

#include <openssl/sha.h>

#include "redact/redact_check.h"

static inline bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* ---- wallets -------------------------------------------------------- */

bool
check_base58(const uint8_t *c, int n, bool is_xrp)
{
	static const char bitcoin[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
								  "abcdefghijkmnopqrstuvwxyz";
	static const char ripple[] = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ"
								 "2bcdeCg65jkm8oFqi1tuvAxyz";
	const char *alphabet = is_xrp ? ripple : bitcoin;
	uint8_t bytes[25] = {0};
	uint8_t hash[SHA256_DIGEST_LENGTH];

	for (int i = 0; i < n; i++)
	{
		const char *at = c[i] == 0 ? NULL : strchr(alphabet, c[i]);
		int carry;

		if (at == NULL)
			return false;
		carry = at - alphabet;
		for (int k = 24; k >= 0; k--)
		{
			carry += bytes[k] * 58;
			bytes[k] = carry & 0xff;
			carry >>= 8;
		}
		if (carry != 0)
			return false;
	}
	SHA256(bytes, 21, hash);
	SHA256(hash, sizeof(hash), hash);
	return memcmp(hash, bytes + 21, 4) == 0;
}

bool
check_bech32(const uint8_t *c, int n)
{
	static const char letters[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
	static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa,
										 0x3d4233dd, 0x2a1462b3};
	uint32_t checksum = 1;
	int split = 0;
	int phase = 0;

	/* the readable part ends at the last 1 */
	for (int i = 0; i < n; i++)
	{
		if (c[i] == '1')
			split = i;
	}
	if (split < 1 || n - split < 7)
		return false;
	/* high bits of the readable part, zero, its low bits, then the data */
	for (phase = 0; phase < 2; phase++)
	{
		for (int i = 0; i < split; i++)
		{
			uint8_t low = c[i] | 0x20;
			uint8_t v = phase == 0 ? low >> 5 : low & 31;
			uint8_t top = checksum >> 25;

			checksum = (checksum & 0x1ffffff) << 5 ^ v;
			for (int k = 0; k < 5; k++)
				checksum ^= (top >> k) & 1 ? generator[k] : 0;
		}
		if (phase == 0)
		{
			uint8_t top = checksum >> 25;

			checksum = (checksum & 0x1ffffff) << 5;
			for (int k = 0; k < 5; k++)
				checksum ^= (top >> k) & 1 ? generator[k] : 0;
		}
	}
	for (int i = split + 1; i < n; i++)
	{
		uint8_t low = c[i] >= 'A' && c[i] <= 'Z' ? c[i] | 0x20 : c[i];
		const char *at = low == 0 ? NULL : strchr(letters, low);
		uint8_t top = checksum >> 25;

		if (at == NULL)
			return false;
		checksum = (checksum & 0x1ffffff) << 5 ^ (uint32_t) (at - letters);
		for (int k = 0; k < 5; k++)
			checksum ^= (top >> k) & 1 ? generator[k] : 0;
	}
	return checksum == 1 || checksum == 0x2bc830a3;
}

static inline uint64_t
rotate(uint64_t x, int n)
{
	return n == 0 ? x : x << n | x >> (64 - n);
}

/* Keccak-256 of one block, with the padding from before SHA-3. */
static void
keccak256(const uint8_t *data, int len, uint8_t out[32])
{
	static const uint8_t rotations[24] = {1,  3,  6,  10, 15, 21, 28, 36,
										  45, 55, 2,  14, 27, 41, 56, 8,
										  25, 43, 62, 18, 39, 61, 20, 44};
	static const uint8_t lanes[24] = {10, 7,  11, 17, 18, 3,  5,  16,
									  8,  21, 24, 4,  15, 23, 19, 13,
									  12, 2,  20, 14, 22, 9,  6,  1};
	uint64_t a[25] = {0};
	uint8_t block[136] = {0};
	uint8_t lfsr = 1;

	memcpy(block, data, len);
	block[len] = 0x01;
	block[135] |= 0x80;
	for (int i = 0; i < 136; i++)
		a[i / 8] |= (uint64_t) block[i] << (8 * (i % 8));
	for (int round = 0; round < 24; round++)
	{
		uint64_t c[5];
		uint64_t t;

		for (int x = 0; x < 5; x++)
			c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
		for (int i = 0; i < 25; i++)
			a[i] ^= c[(i + 4) % 5] ^ rotate(c[(i + 1) % 5], 1);
		t = a[1];
		for (int i = 0; i < 24; i++)
		{
			uint64_t next = a[lanes[i]];

			a[lanes[i]] = rotate(t, rotations[i]);
			t = next;
		}
		for (int y = 0; y < 25; y += 5)
		{
			memcpy(c, a + y, sizeof(c));
			for (int x = 0; x < 5; x++)
				a[y + x] = c[x] ^ (~c[(x + 1) % 5] & c[(x + 2) % 5]);
		}
		/* the round constant, from a shift register */
		for (int j = 0; j < 7; j++)
		{
			if (lfsr & 1)
				a[0] ^= UINT64_C(1) << ((1 << j) - 1);
			lfsr = (lfsr & 0x80) ? lfsr << 1 ^ 0x71 : lfsr << 1;
		}
	}
	for (int i = 0; i < 32; i++)
		out[i] = a[i / 8] >> (8 * (i % 8));
}

bool
check_eip55(const uint8_t *hex)
{
	uint8_t lower[40];
	uint8_t hash[32];

	for (int i = 0; i < 40; i++)
		lower[i] = is_digit(hex[i]) ? hex[i] : hex[i] | 0x20;
	keccak256(lower, 40, hash);
	for (int i = 0; i < 40; i++)
	{
		int nibble = i % 2 == 0 ? hash[i / 2] >> 4 : hash[i / 2] & 15;

		if (!is_digit(hex[i]) && (nibble >= 8) != !(hex[i] & 0x20))
			return false;
	}
	return true;
}

/* ---- tokens --------------------------------------------------------- */

bool
check_token_crc(const uint8_t *c, int n)
{
	static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
								 "abcdefghijklmnopqrstuvwxyz";
	uint32_t crc = 0xffffffff;
	uint64_t claimed = 0;

	for (int i = 0; i < n - 6; i++)
	{
		crc ^= c[i];
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	crc = ~crc;
	for (int i = n - 6; i < n; i++)
	{
		const char *at = c[i] == 0 ? NULL : strchr(base62, c[i]);

		if (at == NULL)
			return false;
		claimed = claimed * 62 + (uint64_t) (at - base62);
	}
	return claimed == crc;
}
