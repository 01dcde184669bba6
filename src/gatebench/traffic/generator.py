"""Makes the request of each arrival: a pure function of (seed, arrival id). The same seed and arrival give the same bytes."""

from __future__ import annotations

from bisect import bisect_right

from gatebench.traffic.draw import Draw, Draws, shares
from gatebench.traffic.kinds import kinds
from gatebench.traffic.request import Request
from gatebench.traffic.route import Traffic

DRAWN = -1
OTHERS = 1 << 40
"""Added to the number of a group for those of its copies that another tenant asks for: they are a group of their own."""


class Generator:
    """The requests of one traffic under one seed."""

    def __init__(self, traffic: Traffic, seed: int) -> None:
        known = kinds()
        self._composers = [known[route.kind](route, index, seed) for index, route in enumerate(traffic.routes)]
        self._tenants = [route.tenants for route in traffic.routes]
        weights = [route.shares_of_tenants() for route in traffic.routes]
        self._tenant_ends = [shares(each) if each else None for each in weights]
        self._ends = shares([route.weight for route in traffic.routes])
        self._paces = [route.read_bytes_per_s() for route in traffic.routes]
        self._copies = [route.copies for route in traffic.routes]
        self._keyed = [route.idempotency_key for route in traffic.routes]
        self._conflicting = [route.conflicting for route in traffic.routes]
        self._between = [1 - route.between_tenants for route in traffic.routes]
        self._headers = [route.header_lines() for route in traffic.routes]
        self._draws = Draws(seed, max(composer.needs_bytes for composer in self._composers))

    def request(self, arrival_id: int, *, route: int = DRAWN, tenant: int = DRAWN, size: int = DRAWN) -> Request:
        """Return the request of `arrival_id`.

        `route` and `tenant` (positions) and `size` (bytes of the body) are drawn, or the route's own, unless a trace
        or a load says what they are.
        """
        draw = self._draws.of(arrival_id)
        if route == DRAWN:
            route = bisect_right(self._ends, draw.unit(0)) if len(self._ends) > 1 else 0
        copies = self._copies[route]
        asker = draw if copies == 1 else self._draws.of(arrival_id - arrival_id % copies)
        between = copies > 1 and asker.unit(3) >= self._between[route]
        if tenant == DRAWN:
            tenant = self._tenant(route, asker)
            if between and arrival_id % copies % 2:
                tenant = (tenant + 1) % self._tenants[route]
        own = copies == 1 or asker.unit(3) < self._conflicting[route]
        request = self._composers[route].request(draw if own else asker, tenant, size)
        if copies > 1:
            group = arrival_id // copies
            other = between and tenant != self._tenant(route, asker)
            key = group + OTHERS if other else group
            request = request._replace(key=key, keyed=self._keyed[route], named=group)
        if self._headers[route]:
            request = request._replace(headers=request.headers + self._headers[route])
        pace = self._paces[route]
        return request._replace(read_bytes_per_s=pace) if pace else request

    def _tenant(self, route: int, asker: Draw) -> int:
        ends = self._tenant_ends[route]
        return bisect_right(ends, asker.unit(1)) if ends else int(asker.unit(1) * self._tenants[route])
