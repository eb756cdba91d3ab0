"""HTTP: what all routes share, and the layers around them.

The registry that guards every route, bodies within bounds, and from the outside in: uvicorn's
protocol, proxies, request ids and figures, slow and hostile clients, origins. The routes
themselves are in `routes`.
"""
